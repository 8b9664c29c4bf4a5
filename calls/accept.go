package calls

import (
	"net/http"
	"strings"

	"github.com/elnormous/contenttype"

	"beckon/internal/findings"
	"beckon/runs"
)

var (
	eventStream     = contenttype.NewMediaType("text/event-stream")
	findingsFormats = findings.Formats()
	replyTypes      = newReplyTypes()
	typesWithEvents = append([]contenttype.MediaType{eventStream}, replyTypes...)
)

// plainText is the media type of a response that consists of the run's output.
const plainText = "text/plain"

func newReplyTypes() []contenttype.MediaType {
	types := []contenttype.MediaType{contenttype.NewMediaType("application/json"), contenttype.NewMediaType(plainText)}
	for _, f := range findingsFormats {
		types = append(types, contenttype.NewMediaType(f.MediaType))
	}
	return types
}

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

// negotiateReply returns the output of the run as text, or the run in a format of package findings, if the Accept
// header prefers one of these to JSON. An empty contentType stands for the JSON document. See Channel.Reply.
func negotiateReply(r *Request, run *runs.Run) (contentType, text string) {
	accept := r.Header.Get("Accept")
	switch accept {
	case "", "*/*", "application/json":
		return "", ""
	}
	best, _, err := contenttype.GetAcceptableMediaTypeFromHeader(accept, replyTypes)
	if err != nil {
		return "", ""
	}
	mediaType := best.Type + "/" + best.Subtype
	contentType = mediaType
	if best.Type == "text" {
		contentType += "; charset=utf-8"
	}
	if mediaType == plainText {
		return contentType, run.Output
	}
	for _, f := range findingsFormats {
		if f.MediaType == mediaType {
			return contentType, string(f.Render(findingsOf(run)))
		}
	}
	return "", ""
}

// findingsOf converts a completed run to what package findings renders.
func findingsOf(run *runs.Run) findings.Answer {
	report, ok := findings.Read(run.Data())
	return findings.Answer{
		RunID:     run.ID,
		Agent:     run.WorkflowID,
		Text:      run.Output,
		Verdict:   run.Verdict,
		Reason:    run.Reason,
		Report:    report,
		HasReport: ok,
	}
}
