"""The milestones of the lecture's history of computer vision, as data: what was new, what came of it, where to read."""

from __future__ import annotations

from typing import NamedTuple


class Milestone(NamedTuple):
    """One step of the history.

    Attributes:
        year: of the first publication; of NEC-UIUC, the challenge that it won.
        name: short, for a label.
        who: the authors.
        new: one sentence, what had not been there before.
        then: one sentence, what came of it.
        flow: how it works as a chain, from what goes in to what comes out.
        source: the publication, with its year.
        room: where this course shows it, "00 tour: eigenfaces"; "" if it is told only.
        code: the function or data behind that, as `module:name`; "" if there is none.
    """

    year: int
    name: str
    who: str
    new: str
    then: str
    flow: tuple[str, ...]
    source: str
    room: str = ""
    code: str = ""


MILESTONES: tuple[Milestone, ...] = (
    Milestone(
        1963,
        "Solids from a photo",
        "Larry Roberts",
        "A program finds the edges of blocks in a photograph, fits solids to them and draws them from another side.",
        "Edges became the first step of nearly all of vision; his small gradient filter is still called the Roberts "
        "cross.",
        ("photo", "edges", "lines", "solids"),
        "Machine perception of three-dimensional solids, PhD thesis, MIT (1963); the lecture dates it 1964",
        "02 features: gradient",
        "course.features:gradient",
    ),
    Milestone(
        1982,
        "Marr's theory of vision",
        "David Marr",
        "Seeing is explained as computing, on three levels: what is computed, by which procedure, in which hardware.",
        "His chain from picture to sketch to solid set the field's programme for years, until learning took over.",
        ("picture", "primal sketch", "2½-D sketch", "3-D model"),
        "Vision, W. H. Freeman (1982)",
        "02 features: the kernel with 8 in its centre finds the edges of a first sketch",
        "course.features:correlate2d",
    ),
    Milestone(
        1991,
        "Eigenfaces",
        "Matthew Turk & Alex Pentland",
        "A face is a mean face plus a few typical deviations; faces are compared by those few numbers.",
        "Statistics of many pictures replaced rules about one; it remains the baseline that opens face recognition.",
        ("faces", "subtract mean", "SVD", "few numbers"),
        "Eigenfaces for recognition, Journal of Cognitive Neuroscience 3 (1991)",
        "00 tour: eigenfaces",
        "course.tour:eigenfaces",
    ),
    Milestone(
        1995,
        "AdaBoost",
        "Yoav Freund & Robert Schapire",
        "Many weak rules vote; each new one is trained on the examples that the earlier ones got wrong.",
        "It picks a few useful features out of very many, which is what made fast face detection possible.",
        ("examples", "weak rule", "reweigh errors", "weighted vote"),
        "A decision-theoretic generalization of on-line learning and an application to boosting, EuroCOLT (1995); "
        "JCSS 55 (1997)",
        "00 tour: face detector",
        "course.tour.cascade:adaboost",
    ),
    Milestone(
        1996,
        "LBP",
        "Timo Ojala, Matti Pietikäinen & David Harwood",
        "Each pixel is compared with its eight neighbours, and the eight answers are the bits of one number.",
        "Counting these numbers describes a texture whatever the light; later it described faces too (2006).",
        ("pixel", "8 comparisons", "1 byte", "histogram"),
        "A comparative study of texture measures…, Pattern Recognition 29 (1996); with rotations: Ojala et al., "
        "PAMI 24 (2002)",
        "00 tour: local binary patterns",
        "course.tour:local_binary_pattern",
    ),
    Milestone(
        1997,
        "Haar wavelets",
        "Michael Oren, Constantine Papageorgiou, Tomaso Poggio et al.",
        "A window is described by differences of brightness between neighbouring rectangles, at several sizes.",
        "A classifier on these differences found people and faces in photos; Viola and Jones made them fast.",
        ("window", "rectangles", "differences", "classifier"),
        "Pedestrian detection using wavelet templates, CVPR (1997); the wavelet: Haar (1910)",
        "00 tour: Haar features",
        "course.tour:haar_response",
    ),
    Milestone(
        1999,
        "SIFT",
        "David Lowe",
        "Points are found again though size, direction and light have changed, by histograms of gradients around them.",
        "Panoramas, 3-D reconstruction and the best classifiers before 2012 were built on it.",
        ("blobs", "own size, angle", "16 histograms", "matches"),
        "Object recognition from local scale-invariant features, ICCV (1999); IJCV 60 (2004)",
        "00 tour: SIFT matches",
        "course.tour:sift_matches",
    ),
    Milestone(
        2001,
        "Viola–Jones",
        "Paul Viola & Michael Jones",
        "Integral images, AdaBoost and a cascade that rejects most windows early find faces at 15 frames a second.",
        "Face detection moved into cameras and telephones.",
        ("integral image", "Haar features", "AdaBoost", "cascade"),
        "Rapid object detection using a boosted cascade of simple features, CVPR (2001)",
        "00 tour: face detector",
        "course.tour:train_cascade",
    ),
    Milestone(
        2005,
        "HOG",
        "Navneet Dalal & Bill Triggs",
        "Cells of a picture are described by histograms of gradient directions, each relative to its surroundings.",
        "With a linear SVM it was the standard for finding pedestrians, and the base of the deformable part model.",
        ("gradients", "cells", "histograms", "blocks"),
        "Histograms of oriented gradients for human detection, CVPR (2005)",
        "02 features: hog",
        "course.features:hog",
    ),
    Milestone(
        2008,
        "Deformable parts",
        "Pedro Felzenszwalb, David McAllester & Deva Ramanan",
        "An object is a coarse HOG template plus finer templates of parts, which may move at a price.",
        "It was the detector to beat around 2010 (where the lecture has it), until convolutional networks came.",
        ("HOG pyramid", "whole", "parts, springs", "best placement"),
        "A discriminatively trained, multiscale, deformable part model, CVPR (2008); with Girshick: PAMI 32 (2010)",
    ),
    Milestone(
        2009,
        "ImageNet",
        "Jia Deng, Fei-Fei Li et al.",
        "Millions of photos from the web, sorted by people into the nouns of a dictionary: 3.2 million at first, "
        "14 million in 21 841 categories later.",
        "Since 2010 its challenge, 1.2 million training pictures in 1 000 classes, measured everybody by one ruler.",
        ("nouns", "web search", "people check", "labels"),
        "ImageNet: a large-scale hierarchical image database, CVPR (2009); the lecture dates the project 2006",
        "00 tour: a network trained on it names photos",
        "course.tour:load_pretrained",
    ),
    Milestone(
        2010,
        "NEC-UIUC",
        "Yuanqing Lin et al.",
        "The first ImageNet challenge is won with coded histograms of gradients and LBP and a linear SVM: the right "
        "class is among five guesses for 72 % of the pictures.",
        "It showed how far features designed by hand go; the next year's winner reached 74 %.",
        ("HOG, LBP", "coding", "pooling", "linear SVM"),
        "Large-scale image classification: fast feature extraction and SVM training, CVPR (2011)",
        "00 tour: error curve",
        "course.tour:ILSVRC",
    ),
    Milestone(
        2012,
        "AlexNet",
        "Alex Krizhevsky, Ilya Sutskever & Geoffrey Hinton",
        "A network of five convolutional and three full layers learns its features from the pixels, on two graphics "
        "cards.",
        "The top-5 error fell from 25.8 % to 16.4 %, and the year after most contestants used such networks.",
        ("pixels", "5 conv. layers", "3 full layers", "1 000 classes"),
        "ImageNet classification with deep convolutional neural networks, NIPS (2012)",
        "00 tour: error curve; 02 features: conv_layer",
        "course.features:conv_layer",
    ),
    Milestone(
        2014,
        "GAN",
        "Ian Goodfellow et al.",
        "Two networks play against each other: one makes pictures, the other tells them from real ones.",
        "Within a few years it drew faces that people took for photos; diffusion models have since overtaken it.",
        ("noise", "generator", "picture", "real or not?"),
        "Generative adversarial nets, NIPS (2014)",
    ),
    Milestone(
        2015,
        "Fast R-CNN",
        "Ross Girshick",
        "The network sees the picture once; every proposed box then reads its part of the shared feature map.",
        "Detecting became trainable in one piece; Faster R-CNN, the same year, learned to propose the boxes too.",
        ("picture", "feature map", "box pooling", "class and box"),
        "Fast R-CNN, ICCV (2015)",
    ),
    Milestone(
        2019,
        "Open frameworks",
        "Adam Paszke et al. (PyTorch); Kai Chen et al. (MMDetection)",
        "Gradients of any program, fast kernels and ready models come as free software: Caffe (2014), TensorFlow "
        "(2015), PyTorch, and toolboxes on top of them.",
        "Papers are published with code that runs, and new ideas start from it; this course is written in PyTorch.",
        ("paper", "code", "weights", "next paper"),
        "PyTorch: an imperative style, high-performance deep learning library, NeurIPS (2019); MMDetection, arXiv "
        "1906.07155 (2019)",
        "03 descent: train",
        "course.descent:train",
    ),
    Milestone(
        2020,
        "Neural rendering",
        "Ben Mildenhall et al. (NeRF)",
        "A small network learns, from photos of one scene, the colour and density at every place and viewing angle.",
        "New views of the scene can be drawn; the lecture's CityNeRF (2021) did it for whole city blocks.",
        ("place, angle", "network", "colour, density", "sum along ray"),
        "NeRF: representing scenes as neural radiance fields for view synthesis, ECCV (2020)",
    ),
    Milestone(
        2020,
        "Large vision models",
        "Alexey Dosovitskiy et al. (ViT)",
        "A transformer reads a picture as a sequence of 16×16 patches, with hardly anything built in for pictures.",
        "With 300 million training pictures it overtook convolutional networks; models have kept growing since.",
        ("patches", "embedding", "transformer", "class"),
        "An image is worth 16×16 words: transformers for image recognition at scale, arXiv 2020, ICLR 2021",
    ),
    Milestone(
        2021,
        "Text to image",
        "Aditya Ramesh et al. (DALL·E)",
        "A model trained on 250 million pairs of picture and text draws what a sentence describes.",
        "A year later diffusion models drew the lecture's astronaut on a horse (DALL·E 2, 2022).",
        ("sentence", "tokens", "transformer", "picture"),
        "Zero-shot text-to-image generation, ICML (2021)",
    ),
)
"""By year. Where the lecture names another year, `source` or `then` says so."""
