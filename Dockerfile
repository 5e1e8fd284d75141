# The web app on a CPU, without PyTorch and without root:
#
#   docker build -t sketch-to-face .
#   docker run --rm -p 127.0.0.1:5000:5000 sketch-to-face                            then http://localhost:5000
#   docker run --rm -p 127.0.0.1:5000:5000 -v "$PWD/runs:/home/artist/runs:ro" sketch-to-face   folders of s2f export, too
FROM python:3.12-slim

RUN useradd --create-home --uid 1000 artist
COPY pyproject.toml README.md LICENSE /src/
COPY s2f_utils /src/s2f_utils
COPY s2f_studio /src/s2f_studio
COPY data_prep /src/data_prep
COPY s2f_series /src/s2f_series
RUN pip install --no-cache-dir "/src[app]" && rm -r /src

USER artist
WORKDIR /home/artist
RUN s2f weights mobile-stylegan
EXPOSE 5000
HEALTHCHECK CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:5000/health', timeout=5)"]
CMD ["s2f", "app", "--host", "0.0.0.0"]
