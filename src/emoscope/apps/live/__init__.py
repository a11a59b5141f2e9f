"""The live window: camera and microphone as a picture with its readings."""
