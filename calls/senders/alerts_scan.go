package senders

import (
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// An alertScanner reads the alerts of a document in one pass over their JSON, without a list of the members of
// each: a storm has hundreds of alerts. It takes what Alertmanager sends, objects of texts, and fails at anything
// else, which readAlerts takes.
type alertScanner struct {
	text   string
	at     int
	escape int // position of the next backslash, or before at where that is not known yet
	bad    bool
}

// scanAlerts calls take with each alert of a JSON array, which must not keep the annotations. It reports whether it
// could read them all; take has been called with some of them where it could not.
func scanAlerts(array string, take func(*alert)) bool {
	if !utf8.ValidString(array) || strings.IndexByte(array, 0) >= 0 {
		return false
	}
	s := alertScanner{text: array, escape: -1}
	var a alert
	s.list('[', ']', func() {
		a = alert{annotations: a.annotations[:0]}
		s.list('{', '}', func() { s.alertMember(&a) })
		if a.labels == nil {
			a.labels = map[string]string{}
		}
		if !s.bad {
			take(&a)
		}
	})
	return !s.bad
}

func (s *alertScanner) alertMember(a *alert) {
	switch s.name() {
	case "status":
		a.status = s.string()
	case "fingerprint":
		a.fingerprint = s.string()
	case "startsAt":
		a.startsAt = s.string()
	case "endsAt":
		a.endsAt = s.string()
	case "panelURL":
		a.panelURL = s.string()
	case "dashboardURL":
		a.dashboardURL = s.string()
	case "generatorURL":
		a.generatorURL = s.string()
	case "labels":
		a.labels = make(map[string]string, 8)
		s.list('{', '}', func() {
			name := s.name()
			if value := s.string(); value != "" {
				a.labels[name] = value
			}
		})
	case "annotations":
		a.annotations = a.annotations[:0]
		s.list('{', '}', func() { a.annotations = append(a.annotations, [2]string{s.name(), s.string()}) })
	case "values":
		s.bad = true
	default:
		s.skip()
	}
}

// next returns the next byte that is no white space, or 0 at the end.
func (s *alertScanner) next() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// take goes past a byte that has to come next.
func (s *alertScanner) take(c byte) {
	if s.bad = s.bad || s.next() != c; !s.bad {
		s.at++
	}
}

// list calls one before each item of a list or object, until it ends or cannot be read.
func (s *alertScanner) list(first, last byte, one func()) {
	s.take(first)
	if !s.bad && s.next() == last {
		s.at++
		return
	}
	for !s.bad {
		one()
		if !s.bad && s.next() == ',' {
			s.at++
			continue
		}
		s.take(last)
		return
	}
}

// name reads the name of a member, and its colon.
func (s *alertScanner) name() string {
	name := s.string()
	s.take(':')
	return name
}

// string reads a text.
func (s *alertScanner) string() string {
	s.take('"')
	if s.bad {
		return ""
	}
	from := s.at
	end := strings.IndexByte(s.text[from:], '"')
	if end < 0 {
		s.bad = true
		return ""
	}
	if s.escape < from {
		s.escape = len(s.text)
		if n := strings.IndexByte(s.text[from:], '\\'); n >= 0 {
			s.escape = from + n
		}
	}
	if from+end < s.escape {
		s.at = from + end + 1
		return s.text[from : from+end]
	}
	for at := from; at < len(s.text); at++ {
		switch s.text[at] {
		case '\\':
			at++
		case '"':
			s.at = at + 1
			return Clean(gjson.Parse(s.text[from-1 : s.at]).Str)
		}
	}
	s.bad = true
	return ""
}

// skip goes past a text, a number or a word; lists and objects are left to readAlerts.
func (s *alertScanner) skip() {
	switch s.next() {
	case '"':
		s.string()
	case '{', '[', 0:
		s.bad = true
	default:
		if n := strings.IndexAny(s.text[s.at:], ",}] \t\r\n"); n > 0 {
			s.at += n
			return
		}
		s.bad = true
	}
}
