package server

import (
	"net/http"
	"strconv"
	"time"
)

// An answer may take as long to be read as Config.AnswerTimeout says, and as long again for each of its MiB.
const (
	defaultAnswerTimeout = 30 * time.Second
	bytesPerTimeout      = 1 << 20
	// smallAnswerBytes is the size up to which a write does not extend the deadline.
	smallAnswerBytes = 4 << 10
)

// timeoutWriter limits the time in which a caller has to read its answer, so that a caller that reads nothing does
// not hold its connection forever. A stream sets deadlines of its own. net/http removes the deadline after the
// answer.
type timeoutWriter struct {
	http.ResponseWriter
	perMiB      time.Duration
	lengthKnown bool // the answer has said how long it is
}

// Unwrap is for http.ResponseController.
func (w *timeoutWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *timeoutWriter) WriteHeader(status int) {
	size, err := strconv.Atoi(w.Header().Get("Content-Length"))
	w.lengthKnown = err == nil
	w.allow(size)
	w.ResponseWriter.WriteHeader(status)
}

func (w *timeoutWriter) Write(b []byte) (int, error) {
	if len(b) > smallAnswerBytes && !w.lengthKnown {
		w.allow(len(b))
	}
	return w.ResponseWriter.Write(b)
}

func (w *timeoutWriter) allow(size int) {
	if connection, ok := w.ResponseWriter.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = connection.SetWriteDeadline(time.Now().Add(w.perMiB + w.perMiB*time.Duration(size)/bytesPerTimeout))
	}
}
