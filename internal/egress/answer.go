package egress

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
)

// KeptBytes is how much of an answer's body is kept.
const KeptBytes = 16 << 10

// Answer is what a receiver answered.
type Answer struct {
	Status int
	Header http.Header // as it came
	// Body is what is kept of the body, at most KeptBytes. Of a body in gzip that is the text, if there is one to
	// be had from what was read, else the bytes as they came.
	Body      []byte
	Truncated bool // there was more
}

// IsRedirect reports whether an answer leads to another URL: its status does so (RFC 9110, section 15.4), and it has a
// Location.
func IsRedirect(status int, h http.Header) bool {
	switch status {
	case http.StatusMultipleChoices, http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return h.Get("Location") != ""
	}
	return false
}

// readAnswer reads what is kept of an answer, and one byte more to see whether that is all; reading an answer to its
// end is also what makes its connection fit for the next request.
func readAnswer(resp *http.Response) (Answer, error) {
	a := Answer{Status: resp.StatusCode, Header: resp.Header}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return a, nil // what follows is not HTTP and has no end
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, KeptBytes+1))
	a.Body, a.Truncated = keep(raw)
	if encoding := strings.ToLower(resp.Header.Get("Content-Encoding")); encoding == "gzip" || encoding == "x-gzip" {
		if text, more, ok := gunzip(raw, a.Truncated || err != nil); ok {
			a.Body, a.Truncated = text, more || a.Truncated
		}
	}
	return a, err
}

func keep(all []byte) (kept []byte, truncated bool) {
	return all[:min(len(all), KeptBytes)], len(all) > KeptBytes
}

// gunzip returns the first KeptBytes of what was compressed. Where the input is only the beginning of it, the text
// that can be had from that is good enough.
func gunzip(raw []byte, beginning bool) (text []byte, more, ok bool) {
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, false, false
	}
	all, err := io.ReadAll(io.LimitReader(r, KeptBytes+1))
	text, more = keep(all)
	return text, more, err == nil || beginning && len(text) > 0 && errors.Is(err, io.ErrUnexpectedEOF)
}
