"""The example gateway of `dashcam demo`, and the traffic that it gets."""
