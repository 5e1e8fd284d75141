"""The command `s2f doctor`: what is installed here, what is missing, and what to do about it, a line each."""

from __future__ import annotations


def doctor() -> int:
    """What is installed here, what is missing, and what to do.

    A line each. 'ok': is there. '--': is not there, and only needed for what the line says. 'BAD': answering drawings
    fails until it is mended, and the exit status is 1.
    """
    from s2f_utils.doctor import BAD, examine

    found = examine()
    width = max(len(finding.about) for finding in found)
    for finding in found:
        print(f"{finding.state:3}  {finding.about:{width}}  {finding.text}")
    return int(any(finding.state == BAD for finding in found))
