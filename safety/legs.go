// Package safety says how far a client's calls can reach: whether third parties write what they say, whether its
// agents know what those must not, and whether they act outside. Each is a leg that an attack by words can stand
// on; with all three at once, whoever writes to the client may have private data sent out.
//
// Judge knows nothing but its facts. Of gathers them from a configuration.
package safety

import (
	"fmt"
	"strings"
)

// Facts are what is known of a client, and of the agents that its calls may reach.
type Facts struct {
	Untrusted string   // why what its calls say is not trusted, as in "it has the source github"; empty where it is
	Private   []string // what its agents know that third parties must not, as in "the tool docs.search of agent triage"
	Effects   []Effect // what its runs do outside
}

// Effect is something that runs do outside, as in "the endpoint ops".
type Effect struct {
	What     string
	Approved bool // a person allows it each time
}

// Leg is one of the three.
type Leg struct {
	Name   string `json:"name"`
	Stands bool   `json:"stands"`
	Says   string `json:"says"` // a sentence: why
}

// Legs are the three of a client.
type Legs struct {
	Untrusted Leg    `json:"untrustedInput"`
	Private   Leg    `json:"privateData"`
	Effects   Leg    `json:"sideEffects"`
	Warning   string `json:"warning,omitempty"` // why the client is not safe, and what to do; empty for one that is
}

// All returns the legs in order.
func (l Legs) All() []Leg { return []Leg{l.Untrusted, l.Private, l.Effects} }

const warning = "All three risks are present, and no person approves: " +
	"whoever writes the content of a call may make an agent " +
	"send private data out. Remove one: allow fewer tools, list tools under approve, " +
	"or let no endpoint, callback or http agent receive this client's runs."

// Judge returns the legs of a client. It warns where all three stand and something is done without a person's approval.
func Judge(f Facts) Legs {
	l := Legs{
		Untrusted: Leg{
			Name:   "untrusted input",
			Stands: f.Untrusted != "",
			Says:   "Only you or your own systems write what its calls contain.",
		},
		Private: Leg{
			Name:   "private data",
			Stands: len(f.Private) > 0,
			Says:   "Its agents have no tools and no sessions: they know only what the call contains.",
		},
		Effects: Leg{Name: "side effects", Stands: len(f.Effects) > 0, Says: "Only the caller gets the answer."},
	}
	if l.Untrusted.Stands {
		l.Untrusted.Says = fmt.Sprintf("Third parties write what its calls contain: %s.", f.Untrusted)
	}
	if l.Private.Stands {
		l.Private.Says = fmt.Sprintf("Its agents can read what third parties must not: %s.", listed(f.Private))
	}
	if !l.Effects.Stands {
		return l
	}
	var free, approved []string
	for _, e := range f.Effects {
		if e.Approved {
			approved = append(approved, e.What)
		} else {
			free = append(free, e.What)
		}
	}
	switch {
	case len(approved) == 0:
		l.Effects.Says = fmt.Sprintf("Its runs have effects outside: %s.", listed(free))
	case len(free) == 0:
		l.Effects.Says = fmt.Sprintf("Its runs have effects outside, each with a person's approval: %s.",
			listed(approved))
	default:
		l.Effects.Says = fmt.Sprintf("Its runs have effects outside: %s; and with a person's approval: %s.",
			listed(free), listed(approved))
	}
	if l.Untrusted.Stands && l.Private.Stands && len(free) > 0 {
		l.Warning = warning
	}
	return l
}

// mostListed is how many things a sentence names.
const mostListed = 5

func listed(things []string) string {
	if more := len(things) - mostListed; more > 0 {
		return fmt.Sprintf("%s, and %d more", strings.Join(things[:mostListed], ", "), more)
	}
	return strings.Join(things, ", ")
}
