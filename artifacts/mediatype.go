package artifacts

import (
	"mime"
	"net/http"
	"path"
	"strings"
	"unicode"

	"github.com/gabriel-vasile/mimetype"
)

const (
	sniffed = 3072 // bytes of a file that its type is told by: as many as mimetype looks at
	maxName = 200  // characters

	plainText = "text/plain"
	anyBytes  = "application/octet-stream"
)

// typeOf tells what a file is by how it begins, whatever its maker says; extension is the usual one. Of a container
// for sound and pictures alike its maker may say which of both it holds.
func typeOf(head []byte, said string) (mediaType, extension string) {
	found := mimetype.Detect(head)
	if found.Is(anyBytes) { // net/http does not look behind the tags of a sound
		if other := mimetype.Lookup(http.DetectContentType(head)); other != nil && !isText(other) {
			found = other
		}
	}
	mediaType, _, _ = strings.Cut(found.String(), ";")
	if isText(found) && mediaType != "text/html" && mediaType != "image/svg+xml" {
		return plainText, ".txt"
	}
	said, _, _ = mime.ParseMediaType(said)
	kind, container, _ := strings.Cut(mediaType, "/")
	saidKind, saidContainer, _ := strings.Cut(said, "/")
	if container == saidContainer && isMedia(kind) && isMedia(saidKind) {
		mediaType = said
	}
	return mediaType, found.Extension()
}

func isText(found *mimetype.MIME) bool {
	for m := found; m != nil; m = m.Parent() {
		if m.Is(plainText) {
			return true
		}
	}
	return false
}

func isMedia(kind string) bool { return kind == "audio" || kind == "video" }

// plainName is the name of a file without a folder and without what is not for the eye.
func plainName(name, extension string) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	name = strings.TrimSpace(path.Base(strings.ReplaceAll(name, `\`, "/")))
	if name == "" || name == "." || name == ".." || name == "/" {
		return "artifact" + extension
	}
	if r := []rune(name); len(r) > maxName {
		name = string(r[:maxName])
	}
	return name
}

// IsShown reports whether a browser may show a file where it finds its link: nothing in it can run. All others are
// downloaded.
func IsShown(mediaType string) bool {
	switch mediaType {
	case "image/png", "image/apng", "image/vnd.mozilla.apng", "image/jpeg", "image/gif", "image/webp", "image/avif",
		"image/bmp":
		return true
	}
	kind, _, _ := strings.Cut(mediaType, "/")
	return isMedia(kind)
}
