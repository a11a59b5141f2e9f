"""The HTTP service: FastAPI over one analyzer."""
