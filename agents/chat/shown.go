package chat

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"slices"

	"beckon/agents"
	"beckon/internal/memory"
)

// How large images may be that a model is shown. Others are left out: the prompt names all files.
const (
	maxShown         = (5 << 20) * 3 / 4 // bytes; Anthropic takes 5 MiB in base64, OpenAI more
	maxShownTogether = 15 << 20          // bytes of all images together
)

// shownTypes are what all three APIs read.
var shownTypes = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// shown is an image that stands beside the prompt.
type shown struct{ mediaType, base64 string }

// appendURL adds the image as a data URL.
func (i shown) appendURL(to []byte) []byte {
	return append(append(append(append(to, "data:"...), i.mediaType...), ";base64,"...), i.base64...)
}

// imagesOf opens the images that a call has brought. Those that a flow has made on its way are not among them.
func imagesOf(ctx context.Context, call *agents.Call) (list []shown, err error) {
	left := int64(maxShownTogether)
	for _, a := range call.Artifacts {
		if call.Files == nil || a.NodeID != "" || !slices.Contains(shownTypes, a.MediaType) ||
			a.Bytes > min(maxShown, left) {
			continue
		}
		left -= a.Bytes
		if err := memory.From(ctx).Answer(ctx, int64(base64.StdEncoding.EncodedLen(int(a.Bytes)))); err != nil {
			return nil, err
		}
		content, err := readFile(ctx, call.Files, a)
		if err != nil {
			return nil, err
		}
		list = append(list, shown{a.MediaType, base64.StdEncoding.EncodeToString(content)})
	}
	return list, nil
}

func readFile(ctx context.Context, files agents.Files, a agents.Artifact) ([]byte, error) {
	file, _, err := files.Open(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content := make([]byte, a.Bytes)
	if _, err := io.ReadFull(file, content); err != nil {
		return nil, fmt.Errorf("read the file %s: %w", a.ID, err)
	}
	return content, nil
}

// saysImages is how providers complain of an image, or of a model that reads none. Some only say that the content
// is no text.
var saysImages = anyOf(`image|vision|modal|content.{0,40}string`)

// refusesImages reports whether a request may have failed because of its images: the model reads none, or one is
// broken.
func (d *dialog) refusesImages(f *failure) bool {
	return len(d.said.images) > 0 && slices.Contains(teaches, f.status) && saysImages.MatchString(f.diagnose().words)
}

// dropImages has the model asked without its images. It is told that there were some.
func (d *dialog) dropImages() {
	d.sender.log.Info("the provider did not take the images of a call; it is asked without them",
		"model", d.name, "images", len(d.said.images))
	d.said.images = nil
	d.said.prompt += "\n\n(You cannot see the images: they could not be shown to you.)"
}
