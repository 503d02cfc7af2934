"""Attribution by Customization: ground truth, features and scores for data attribution of text-to-image models."""
