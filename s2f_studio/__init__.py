"""From a drawing to a face: analysis of drawings, face models, and the apps that serve them; built
on `s2f_utils`, which finds it by its entry point (`plugin`).

A drawing's way is `translate.translate`: `drawings.prepare` cleans its paper and finds its face;
the model (`render.model`, `faces.average_face`) finds the landmarks (`drawings.landmarks`), warps
the drawing to the mean shape, runs the networks (`faces.networks.expect`, `render.network`), and
warps the answer back to the landmarks. `sheet` writes answers as files, `page.reply` as JSON.
"""
