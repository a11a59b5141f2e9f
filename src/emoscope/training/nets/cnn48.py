"""The network of ``cnn48``: the plain convolutional network of the tutorials on FER2013."""

from __future__ import annotations

from torch import Tensor, nn

KERNELS = (3, 5, 3, 3)
# As published; about four times the work of the widths below.
PUBLISHED_WIDTHS = (64, 128, 512, 512)
WIDTHS = (32, 64, 256, 256)
DENSE = (256, 512)


class Cnn48(nn.Module):
    """Grey crops ``(n, 48, 48)``, 0 to 255, to an embedding and logits.

    Four blocks of convolution, batch norm, ReLU, max pooling and dropout; two dense layers.
    With :data:`PUBLISHED_WIDTHS` it has the 4,478,727 parameters (3,968 of them statistics of
    batch norms) that Keras prints for the published one.

    Args:
        classes: of the answers.
        widths: channels of each block.
        dropout: share of the values left out while learning.
    """

    size = 48

    def __init__(
        self, classes: int, widths: tuple[int, ...] = WIDTHS, dropout: float = 0.25
    ) -> None:
        super().__init__()
        inputs = (1, *widths[:-1])
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(before, width, kernel, padding="same"),
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                    nn.MaxPool2d(2),
                    nn.Dropout(dropout),
                )
                for before, width, kernel in zip(inputs, widths, KERNELS, strict=True)
            )
        )
        side = self.size // 2 ** len(widths)
        self.dense = nn.Sequential(
            nn.Flatten(),
            nn.Linear(widths[-1] * side * side, DENSE[0]),
            nn.BatchNorm1d(DENSE[0]),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(DENSE[0], DENSE[1]),
            nn.BatchNorm1d(DENSE[1]),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(DENSE[1], classes)

    def embed(self, crops: Tensor) -> Tensor:
        """Crops ``(n, 48, 48)`` to the last dense layer ``(n, 512)``."""
        embedding: Tensor = self.dense(self.blocks(crops.float()[:, None] / 255.0))
        return embedding

    def answer(self, embedding: Tensor) -> Tensor:
        """Embeddings ``(n, 512)`` to logits ``(n, classes)``."""
        logits: Tensor = self.head(self.dropout(embedding))
        return logits
