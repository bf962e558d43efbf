"""The elements of an HTML page."""

from html.parser import HTMLParser

VOID = {"meta", "img", "input", "br", "link"}


class Outline(HTMLParser):
    """Elements with their attributes, and the texts between them; every element must be closed where it should be."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]
