"""Flask, recorded: dashcam goes around the app's wsgi_app."""

from flask import Flask

from dashcam.wsgi import DashcamWSGIMiddleware

app = Flask(__name__)
app.wsgi_app = DashcamWSGIMiddleware(app.wsgi_app)


@app.get("/users/<int:user_id>")
def user(user_id: int) -> dict[str, int]:
    return {"user": user_id}
