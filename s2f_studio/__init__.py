"""From a drawing to a face: analysis of drawings, face models, and the apps that serve them; built
on `s2f_utils`.

The path of a drawing, from `s2f translate` (`faces.translate`), the app (`server.engine`) or a call
of a model: `drawings.prepare` cleans its paper (`drawings.paper`) and finds its face;
`faces.expecting` finds the face's landmarks (`drawings.understanding`), runs the networks, and
warps the answer to these landmarks. The network of the average face is `faces.networks.expect`; the
photo is painted by `render.network`. Pixel
work before and after them is done in `faces.stages` and `render.stage`.
"""
