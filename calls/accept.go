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

// WantsEvents reports whether the Accept header prefers text/event-stream to all other types. The header must name the
// type: a wildcard does not ask for a stream.
func WantsEvents(h http.Header) bool {
	accept := h.Get("Accept")
	if !strings.Contains(accept, "text/event-stream") {
		return false
	}
	best, _, err := contenttype.GetAcceptableMediaTypeFromHeader(accept, typesWithEvents)
	return err == nil && best.Subtype == eventStream.Subtype
}

// negotiateReply returns the output of the run as text if the Accept header prefers text to JSON, and else an empty
// contentType, which stands for the JSON document. See Sender.Reply.
func negotiateReply(r *Request, run *runs.Run) (contentType, text string) {
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
