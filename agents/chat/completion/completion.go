// Package completion reads a chat completion as servers really send it: as one JSON document, as Server-Sent Events
// or as lines of JSON, with the right Content-Type or another one. The result is the same in all of them, because a
// completion that comes at once is read as one that came in one piece.
//
// An odd member never loses a good answer: what has another type than it should is skipped, or understood where it
// can be. What matters is read strictly: an answer is Whole only if it ended as it should and nothing of it was
// lost.
package completion

import (
	"beckon/agents"
)

// Completion is what a server answered.
type Completion struct {
	ID        string // of an answer that can be asked for again; only Responses have one
	Text      string // the answer, without what the model thought
	Reasoning string // what the model thought, by whatever name the server gave it
	Refusal   string
	Calls     []Call // the tools that the model wants to use, in order
	Finish    string // the finish reason as it came; "" for none
	Usage     agents.Usage
	Choices   int    // how many choices there were
	Error     *Error // what the server says went wrong; nil for nothing
	Images    []Image
	Stray     string // the beginning of what was no completion, for the log
	End       End

	echo   []member // of the message, to be sent back beside tool calls
	format Format
	blocks []block // of the formats whose answers have some
}

// Image is one that the model has made: a data URL, or base64.
type Image struct {
	DataURL   string
	Base64    string
	MediaType string // of Base64, as the server says; "" is unknown
}

// Format is the API whose answers are read.
type Format int

// The formats.
const (
	ChatCompletions Format = iota // of OpenAI, and of all that are compatible
	Messages                      // of Anthropic
	Responses                     // of OpenAI, its newer one
)

// Unknown reports whether the finish reason is none that this package knows.
func (c *Completion) Unknown() bool {
	_, known := endOf(c.Finish)
	return c.Finish != "" && !known
}

// End is how an answer ended.
type End int

// The zero value is an answer that is complete.
const (
	Whole      End = iota
	CutOff         // at a limit of tokens
	Refused        // by the model or a content filter
	Failed         // Error or the finish reason says so
	Broken         // in the middle: nothing said that it was complete
	Unreadable     // it is no chat completion, or a part of it could not be read
	Paused         // in the middle: sent back as it is, it goes on
	Pending        // it has not ended: ID is to be asked for later
)

// Error is what a server says went wrong, in one of the many shapes that there are.
type Error struct {
	Message string
	Code    string
	Type    string
	Param   string // the name of the request's member that it is about
	Status  int    // an HTTP status that the text itself names; 0 for none
}

// Call is a tool that the model wants to use.
type Call struct {
	ID        string
	Name      string
	Arguments string // JSON, if the model kept to it

	index        int // -1 for none
	arguments    []byte
	pieces       pieces // of the arguments
	echo         []member
	echoFunction []member
}

// member is one of an object, as it came.
type member struct {
	name  string // with its quotes
	value []byte
}

// set replaces the member of that name, or adds it. It keeps copies.
func set(list []member, name, value []byte) []member {
	for i := range list {
		if list[i].name == string(name) {
			list[i].value = append([]byte(nil), value...)
			return list
		}
	}
	return append(list, member{string(name), append([]byte(nil), value...)})
}
