"""The page of `alexnet-demo`: Gradio's widgets and server around an `Answerer`."""

from __future__ import annotations

import contextlib
import errno
import html
import importlib.util
import os
import socket
import tempfile
from collections.abc import Iterator
from typing import Any

from alexnet_tf.inference import answers, rate_limit
from tfrecords import errors
from tfrecords.durable import files
from tfrecords.sources.sample import drawing

_TITLE = "AlexNet"
_TEXT = "Drop in an image. The network names the five most probable classes."
_ONE_VIEW, _TEN_VIEWS = "one view", "ten views"
# Pixels on the screen.
_IMAGE_HEIGHT = 320
_GALLERY_HEIGHT = 220
# How many may wait while one image is being predicted.
_MAX_WAITING = 20
# Uploads are removed after ten minutes, in seconds; Gradio looks once a minute.
_KEEP_UPLOADS = (60, 600)
# Not the data set's seed, 0: the examples are images that no network was trained on.
_EXAMPLES_SEED = 1


def check_package() -> None:
    """Raises `UserError` if Gradio is not installed."""
    if importlib.util.find_spec("gradio") is None:
        raise errors.UserError(
            "the page needs the package gradio, which is not installed. Install it "
            "with pip install 'alexnet-tf[demo]'."
        )


def check_address(host: str, port: int) -> None:
    """Raises `UserError` if no server can listen at `host` and `port`."""
    try:
        (family, _, _, _, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )
        with socket.socket(family) as listener:
            # A port that a server left a moment ago is free.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except (OSError, UnicodeError) as error:
        # Python raises UnicodeError for a name with an empty or a long part.
        reason = getattr(error, "strerror", None) or "it is not a valid host name"
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise errors.UserError(
                f"port {port} of {host} is in use by another program. Stop it, or "
                "choose another with --port."
            ) from error
        raise errors.UserError(
            f"nothing can listen at {host}, port {port} ({reason}). Choose "
            "others with --host and --port."
        ) from error


def draw_examples(directory: str) -> list[str]:
    """Draws an image of each of the sample's twenty classes; returns their paths."""
    paths = []
    for label, name in enumerate(drawing.CLASSES):
        path = os.path.join(directory, f"{name}.jpg")
        data = drawing.draw_image(_EXAMPLES_SEED, "train", label, 0)
        files.write_bytes(path, data)
        paths.append(path)
    return paths


def answer_upload(
    answerer: answers.Answerer,
    limit: rate_limit.RateLimit,
    path: str | None,
    views: str,
    client: str,
) -> answers.Answer:
    """Answers for an uploaded file; `views` is one of the page's two choices.

    Raises `UserError` without an image or after too many, `DataError` for a bad one.
    """
    if not path:
        raise errors.UserError(
            "there is no image yet: drop one in, or click an example."
        )
    limit.check(client)
    return answerer.answer(path, 10 if views == _TEN_VIEWS else 1)


def make_page(
    answerer: answers.Answerer, limit: rate_limit.RateLimit, examples: list[str]
) -> Any:
    """Makes the page, a `gradio.Blocks`; its API has the endpoint "/predict".

    If the answerer finds the images most like one, they are the third output. Raises
    `UserError` if Gradio is not installed.
    """
    check_package()
    import gradio as gr

    # Gradio calls it with the widgets' values, and with the request by its type.
    def predict(path: str | None, views: str, request: gr.Request) -> tuple[Any, ...]:
        client = request.client.host if request.client else ""
        try:
            answer = answer_upload(answerer, limit, path, views, client)
        except errors.UserError as error:
            # The page shows it as HTML, and it may quote the file.
            text = html.escape(str(error), quote=False)
            raise gr.Error(text[:1].upper() + text[1:], print_exception=False) from None
        nearest = [list(answer.nearest)] if answerer.find else []
        return answer.top, answer.responses, *nearest

    def update(path: str | None, views: str, request: gr.Request) -> Any:
        # Also when the image was removed.
        return predict(path, views, request) if path else (None,) * len(outputs)

    for function in (predict, update):
        # Gradio does not resolve the text that an annotation is here.
        function.__annotations__["request"] = gr.Request
    with gr.Blocks(
        title=_TITLE, analytics_enabled=False, delete_cache=_KEEP_UPLOADS
    ) as page:
        gr.Markdown(f"# {_TITLE}\n{_TEXT}")
        with gr.Row():
            with gr.Column():
                image = gr.Image(
                    label="image",
                    type="filepath",
                    sources=["upload", "clipboard"],
                    height=_IMAGE_HEIGHT,
                )
                # Gradio would open the file itself, and say only "Error" of a bad one.
                image.preprocess = lambda payload: payload and payload.path
                views = gr.Radio(
                    [_ONE_VIEW, _TEN_VIEWS], value=_ONE_VIEW, label="averaged over"
                )
                button = gr.Button("Predict", variant="primary")
            with gr.Column():
                top = gr.Label(label="the five most probable classes")
                gr.Markdown("conv1's responses to the central crop, a map per kernel")
                responses = gr.Image(
                    show_label=False, format="png", interactive=False, buttons=[]
                )
        gr.Examples(
            [[path] for path in examples],
            [image],
            label="drawn examples",
            cache_examples=False,
            examples_per_page=len(examples),
        )
        inputs, outputs = [image, views], [top, responses]
        if answerer.find:
            outputs.append(
                gr.Gallery(
                    label="the images that the network finds most like it",
                    columns=6,
                    height=_GALLERY_HEIGHT,
                    format="jpeg",
                    interactive=False,
                )
            )
        button.click(predict, inputs, outputs, api_name="predict")
        for event in (image.change, views.change):
            event(update, inputs, outputs, api_visibility="private")
    page.queue(max_size=_MAX_WAITING, default_concurrency_limit=1)
    return page


@contextlib.contextmanager
def serve(
    answerer: answers.Answerer,
    host: str,
    port: int,
    max_upload_megabytes: int,
    images_per_minute: int,
) -> Iterator[str]:
    """Serves the page while the block runs, and yields its address.

    Uploads are kept in a directory that is removed at the end.

    Raises:
      UserError: if Gradio is not installed, or the port is taken.
    """
    check_package()
    with tempfile.TemporaryDirectory(prefix="alexnet-demo-") as directory:
        # Gradio reads both when it is imported; it would report to its makers.
        os.environ["GRADIO_TEMP_DIR"] = directory
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        import gradio as gr

        examples = draw_examples(directory)
        limit = rate_limit.RateLimit(images_per_minute)
        page = make_page(answerer, limit, examples)
        # Again: loading took seconds.
        check_address(host, port)
        _, address, _ = page.launch(
            server_name=host,
            server_port=port,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            max_file_size=max_upload_megabytes * 2**20,
            footer_links=[],
            run_history=False,
            ssr_mode=False,
            # The system's fonts: the default ones are another server's.
            theme=gr.themes.Default(
                font=["system-ui", "sans-serif"], font_mono=["monospace"]
            ),
        )
        try:
            yield address
        finally:
            page.close(verbose=False)
