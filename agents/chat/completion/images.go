package completion

import "strings"

// maxImages bounds the images of one answer.
const maxImages = 64

// addImages adds the images of a message: [{"type": "image_url", "image_url": {"url": "data:…"}}], as OpenRouter
// and others have them beside the content.
func (r *reader) addImages(value []byte) {
	within(value, func(w *walker) {
		w.array(func() {
			if w.kind() != '{' {
				w.value()
				return
			}
			w.object(func(name []byte) {
				if value := w.value(); string(name) == `"image_url"` {
					r.addImageURL(value)
				}
			})
		})
	})
}

// addImageURL adds an image: {"url": "data:…"}, or the URL alone. Others than data URLs are no part of an answer.
func (r *reader) addImageURL(value []byte) {
	if kindOf(value) == '{' {
		within(value, func(w *walker) {
			w.object(func(name []byte) {
				if value := w.value(); string(name) == `"url"` && kindOf(value) == '"' {
					r.addImageURL(value)
				}
			})
		})
		return
	}
	if kindOf(value) != '"' || !strings.HasPrefix(string(value[1:min(len(value), 6)]), "data:") {
		return
	}
	r.addImage(Image{DataURL: textOf(value)})
}

// addImage adds an image, once: some servers send the whole message behind its pieces.
func (r *reader) addImage(image Image) {
	for _, known := range r.result.Images {
		if known == image {
			return
		}
	}
	if len(r.result.Images) < maxImages {
		r.result.Images = append(r.result.Images, image)
		r.kept += len(image.DataURL) + len(image.Base64)
	}
}

// addGenerated adds the image of an item of OpenAI's Responses API: {"type": "image_generation_call", "result": "…"}.
func (r *reader) addGenerated(b *block) {
	image := Image{}
	for _, m := range b.members {
		switch m.name {
		case `"result"`:
			image.Base64 = textOf(m.value)
		case `"output_format"`:
			image.MediaType = "image/" + textOf(m.value)
		}
	}
	if image.Base64 != "" {
		r.addImage(image)
	}
}
