"""A little drawn world the search engine ships with: scenes, captions, a collection, a model.

``scenes`` samples a scene, ``draw`` paints it, ``captions`` says it in English and Chinese,
``collection`` writes a folder of pictures, ``train`` fits the ``drawn-scenes`` OpenCLIP model
and ``evaluate`` measures it. Importing this package imports none of them.
"""
