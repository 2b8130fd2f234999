"""The paper's Figures 1-7: captions as printed, and what they show, in words of our own."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PaperFigure:
    """One figure of the paper, which is described here and not copied."""

    number: int
    title: str
    caption: str  # verbatim (CC BY 4.0), less the list of its symbols
    shows: str
    ours: str  # how ours answers it


FIGURES = (
    PaperFigure(
        1,
        "How frames and faces are chosen",
        "Input video processing by using the distributed selection of frames and faces.",
        "Frames of a video at equal intervals; beside them the faces found in its frames, "
        "cropped, and repeated until there are as many as the network needs.",
        "The same choice on one of the clips at hand, with the frames that were really taken.",
    ),
    PaperFigure(
        2,
        "Four ways to convolve",
        "The 3D convolution and its variants in the residual block representation.",
        "Four residual blocks side by side: the standard 3D convolution, the one with separable "
        "channels, (2+1)D convolution, and at the right the paper's own, which separates both.",
        "Which voxels each kernel sees, and how many weights it has, drawn from its specification.",
    ),
    PaperFigure(
        3,
        "Architecture A0",
        "The block diagram of the proposed music video emotion classification network A₀ with the "
        "2D/3D convolution.",
        "A chain of dense residual blocks with standard convolutions, then global average pooling "
        "and a softmax over six emotions; one block is opened in detail for music and one for "
        "video and faces.",
        "The blocks of A0 as they are built here, with the parameters counted in each.",
    ),
    PaperFigure(
        4,
        "Architectures A1, A2 and A3",
        "The block diagram of the proposed music video emotion classification network using slow "
        "(A₁), fast (A₂), or slow–fast network with MMTM (A₃) and with the separable channel and "
        "filter convolution.",
        "The slow and the fast branch, of separable blocks; joined after each block by the "
        "multimodal transfer module they are A3. One block is opened in detail for music and one "
        "for video and faces.",
        "The blocks of A1, A2 and A3 as they are built here, with the parameters in each.",
    ),
    PaperFigure(
        5,
        "Confusion of the best network",
        "The confusion matrix using our best-performing multimodal architecture.",
        "Six by six counts over the 300 test clips, true emotions against predicted ones, most of "
        "them on the diagonal. The text says that Neutral is confused most, then Fear with Tension "
        "and Sad with Relaxation.",
        "The matrix that the authors published beside ours, true emotions down, predicted across.",
    ),
    PaperFigure(
        6,
        "ROC curves of the fusions",
        "The ROC curve using several architectures for music, video and facial expressions.",
        "One curve for each multimodal network, all of them close to one another; the printed "
        "areas run from 0.860 to 0.942.",
        "The same curves of the fusions that were run here, with the area under each.",
    ),
    PaperFigure(
        7,
        "Emotions over time",
        "Time-synchronized emotional predictions for specific music videos. Prediction results for "
        "the Luis_Fonsi (top) and Gangnam Style (bottom) music videos.",
        "For each of two long videos six curves, one an emotion, in steps of 30 seconds, over a "
        "row of thumbnails of the video at those times.",
        "The same six curves over a long video, with thumbnails; the paper’s two are not free to "
        "copy.",
    ),
)
