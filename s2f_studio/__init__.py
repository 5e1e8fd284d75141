"""From a drawing to a face: analysis of drawings, face models, and the apps that serve them; built
on `s2f_utils`.

The path of a drawing, from `s2f translate` (`faces.translate`), the app (`server.engine`) or a call
of a model: `drawings.prepare` cleans its paper (`drawings.paper`) and finds its face;
`faces.expecting` finds the face's landmarks (`drawings.understanding`), runs the networks, and
warps the answer to these landmarks. The network of the average face is `faces.networks.expect`; the
photo is painted by `render.network`. Pixel
work before and after them is done in `faces.stages` and `render.stage`.
"""


def register(table: str) -> None:
    """Put this package's networks, methods, kinds of models or commands into one of the tables of
    `s2f_utils` (`extensions.TABLES`); what that needs is imported now.
    """
    if table == "networks":
        from s2f_studio.drawings.finder import Finder
        from s2f_studio.faces.networks.expect import Expect
        from s2f_studio.render.network import Render, RenderJudge
        from s2f_utils.networks.registry import NETWORKS

        NETWORKS.update(
            {
                "finder": Finder,
                "expect": Expect,
                "render": Render,
                "render-judge": RenderJudge,
            }
        )
    elif table == "methods":
        from s2f_studio.faces.method import ExpectMethod
        from s2f_studio.render.method import RenderMethod
        from s2f_utils.methods import METHODS

        METHODS.update({"expect": ExpectMethod, "render": RenderMethod})
    elif table == "kinds":
        from s2f_studio.loading import KINDS as OURS
        from s2f_utils.infer.stages import KINDS

        KINDS[:0] = OURS
    elif table == "commands":
        from s2f_studio.cli import app, export, finetune, push, translate
        from s2f_utils.cli.main import COMMANDS

        ours = (translate.translate, finetune.finetune, export.export, push.push, app.app)
        COMMANDS.update({command.__name__: command for command in ours})
