package server

import (
	"net/http"
	"strconv"
	"time"
)

// An answer may take as long to be read as Config.AnswerTimeout says, and as long again for each of its MiB.
const (
	defaultAnswerTimeout = 30 * time.Second
	answerShare          = 1 << 20
	// smallAnswer is what fits into the time that an answer has from its first byte on.
	smallAnswer = 4 << 10
)

// patientWriter sets the time that a caller has to take what is written for it: who doesn't read must not hold its connection
// for good. A stream sets its own. When the answer is over net/http lifts the deadline.
type patientWriter struct {
	http.ResponseWriter
	patience time.Duration
	sized    bool // the answer has said how long it is
}

// Unwrap is for http.ResponseController.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *patientWriter) WriteHeader(status int) {
	size, err := strconv.Atoi(w.Header().Get("Content-Length"))
	w.sized = err == nil
	w.allow(size)
	w.ResponseWriter.WriteHeader(status)
}

func (w *patientWriter) Write(b []byte) (int, error) {
	if len(b) > smallAnswer && !w.sized {
		w.allow(len(b))
	}
	return w.ResponseWriter.Write(b)
}

func (w *patientWriter) allow(size int) {
	if connection, ok := w.ResponseWriter.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = connection.SetWriteDeadline(time.Now().Add(w.patience + w.patience*time.Duration(size)/answerShare))
	}
}
