package calls

import (
	"net/http"
	"strings"

	"github.com/elnormous/contenttype"

	"beckon/runs"
)

var (
	eventStream = contenttype.NewMediaType("text/event-stream")
	replyTypes  = []contenttype.MediaType{
		contenttype.NewMediaType("application/json"),
		contenttype.NewMediaType("text/plain"),
		contenttype.NewMediaType("text/markdown"),
	}
	typesWithEvents = append([]contenttype.MediaType{eventStream}, replyTypes...)
)

// WantsEvents reports whether a caller prefers Server-Sent Events to everything else, and names them.
func WantsEvents(h http.Header) bool {
	accept := h.Get("Accept")
	if !strings.Contains(accept, "text/event-stream") {
		return false
	}
	best, _, err := contenttype.GetAcceptableMediaTypeFromHeader(accept, typesWithEvents)
	return err == nil && best.Subtype == eventStream.Subtype
}

// acceptedReply replies with the text alone to callers who prefer that to JSON.
func acceptedReply(r *Request, run *runs.Run) (contentType, text string) {
	accept := r.Header.Get("Accept")
	switch accept {
	case "", "*/*", "application/json":
		return "", ""
	}
	best, _, err := contenttype.GetAcceptableMediaTypeFromHeader(accept, replyTypes)
	if err != nil || best.Type != "text" {
		return "", ""
	}
	return best.Type + "/" + best.Subtype + "; charset=utf-8", run.Output
}
