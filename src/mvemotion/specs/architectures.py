"""What a stream passes through: the dense residual blocks of Figures 3 and 4, C3D, R(2+1)D."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """Kernel sizes and filter counts of one dense residual block, in the figures' letters."""

    kx: int
    ky: int
    kz: int
    ks: int
    ko: int
    fx: int
    fy: int
    f: int  # filters of conv_z and conv_s
    out: int


@dataclass(frozen=True)
class Architecture:
    """Five dense residual blocks, with standard (A0) or separable (A1, A2) convolutions."""

    name: str
    is_separable: bool
    blocks: tuple[Block, ...]


A0 = Architecture(
    "A0",
    is_separable=False,
    blocks=(
        #      kx  ky kz ks ko   fx   fy    f  out
        Block(13, 9, 5, 1, 5, 8, 8, 8, 16),
        Block(9, 7, 5, 1, 5, 16, 16, 16, 32),
        Block(9, 7, 3, 1, 3, 32, 32, 32, 64),
        Block(9, 5, 3, 1, 3, 64, 64, 64, 128),
        Block(7, 5, 3, 1, 3, 128, 128, 128, 256),
    ),
)
A1 = Architecture(
    "A1",
    is_separable=True,
    blocks=(
        Block(5, 5, 3, 3, 3, 16, 1, 16, 32),
        Block(5, 5, 3, 3, 3, 32, 1, 32, 64),
        Block(5, 5, 3, 3, 3, 64, 1, 64, 128),
        Block(3, 3, 3, 3, 3, 128, 1, 128, 256),
        Block(3, 3, 3, 3, 3, 256, 1, 256, 512),
    ),
)
A2 = Architecture(
    "A2",
    is_separable=True,
    blocks=(
        Block(9, 9, 5, 5, 3, 4, 1, 4, 8),
        Block(7, 7, 5, 5, 3, 8, 1, 8, 16),
        Block(7, 7, 3, 3, 3, 16, 1, 16, 32),
        Block(5, 5, 3, 3, 3, 32, 1, 32, 64),
        Block(5, 5, 3, 3, 3, 64, 1, 64, 128),
    ),
)
A2_WIDE = Architecture(  # the fast branch of A3 wherever MMTM joins it to A1: equal widths
    "A2 wide",
    is_separable=True,
    blocks=(
        Block(9, 9, 5, 5, 3, 8, 1, 16, 32),
        Block(7, 7, 5, 5, 3, 16, 1, 32, 64),
        Block(7, 7, 3, 3, 3, 32, 1, 64, 128),
        Block(5, 5, 3, 3, 3, 64, 1, 128, 256),
        Block(5, 5, 3, 3, 3, 128, 1, 256, 512),
    ),
)


@dataclass(frozen=True)
class C3DArchitecture:
    """Tran et al.'s C3D as modified in Section 4.2."""

    name: str
    filters: tuple[tuple[int, ...], ...]  # one tuple a group; each group ends in a max pooling
    pools: tuple[tuple[int, int, int], ...]  # (rows, columns, frames)
    dense: tuple[int, ...]
    dropout: float


C3D = C3DArchitecture(
    "C3D",
    filters=((64,), (128,), (256, 256), (512, 512), (512, 512)),
    pools=((1, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2)),
    dense=(1024, 512),
    dropout=0.2,
)


@dataclass(frozen=True)
class TorchvisionArchitecture:
    """A video network of torchvision, as it is (assumption 25); not in the paper."""

    name: str  # of the function in torchvision.models.video


R2PLUS1D_18 = TorchvisionArchitecture("r2plus1d_18")
