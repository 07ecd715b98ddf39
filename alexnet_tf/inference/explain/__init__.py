"""What a trained network sees in an image: the page of `alexnet-explain`."""
