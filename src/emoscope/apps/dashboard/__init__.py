"""The dashboard: a browser page over the same pipeline (Streamlit, extra ``dashboard``).

``launch`` starts it, ``app`` is what Streamlit runs, ``screens/`` holds one file per page. ``desk``
reads what was uploaded, one file at a time per session; ``reading`` is what a page shows of one
file; ``look``, ``bars``, ``sentence``, ``timeline`` and ``picture`` draw it.
"""
