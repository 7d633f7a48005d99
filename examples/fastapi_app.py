"""FastAPI, recorded; history is mounted at /dashcam."""

from fastapi import FastAPI

from dashcam import DashcamMiddleware, Recorder, annotate
from dashcam.api import history_app

recorder = Recorder()
app = FastAPI()
app.mount("/dashcam", history_app(recorder))
app.add_middleware(DashcamMiddleware, recorder=recorder)


@app.get("/users/{user_id}")
def user(user_id: int) -> dict[str, int]:
    annotate(user_id=f"example-{user_id}")
    return {"user": user_id}
