package deliveries

import (
	"maps"
	"slices"
	"strings"

	"beckon/internal/problem"
	"beckon/internal/secret"
)

// The bounds of the headers that a receiver wants to be sent.
const (
	maxHeaders     = 32
	maxHeaderBytes = 8 << 10 // of all names and values together
)

// ownHeaders belong to the connection or are set by us, and so do those that begin with one of ownPrefixes.
var (
	ownHeaders = []string{"host", "content-length", "content-type", "transfer-encoding", "connection", "user-agent", "te", "trailer", "upgrade",
		"expect", "accept-encoding"}
	ownPrefixes = []string{"webhook-", "svix-"}
	ownSuffixes = []string{"signature", "signature-previous", "event", "timestamp", "delivery"} // behind "x-vendor-"
)

// checkHeaders finds what is wrong with headers. It never shows a value.
func checkHeaders(headers map[string]secret.String, vendor string) (found problem.Fields) {
	if len(headers) > maxHeaders {
		found.Add("", "has %d headers; %d are allowed", len(headers), maxHeaders)
		return found
	}
	size, seen := 0, map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		value, lower := headers[name].Reveal(), strings.ToLower(name)
		size += len(name) + len(value)
		switch {
		case !isToken(name):
			found.Add("", "%q is not the name of a header", problem.Shorten(name))
		case isOwn(lower, strings.ToLower(vendor)):
			found.Add(name, "cannot be set: it belongs to the delivery itself")
		case seen[lower]:
			found.Add(name, "is there twice: upper and lower case are the same in the names of headers")
		case strings.ContainsFunc(value, isControl):
			found.Add(name, "must not hold line breaks or other control characters")
		}
		seen[lower] = true
	}
	if size > maxHeaderBytes {
		found.Add("", "has %d bytes of names and values; %d are allowed", size, maxHeaderBytes)
	}
	return found
}

func isOwn(lower, vendor string) bool {
	if slices.Contains(ownHeaders, lower) {
		return true
	}
	if rest, ok := strings.CutPrefix(lower, "x-"+vendor+"-"); ok && slices.Contains(ownSuffixes, rest) {
		return true
	}
	return slices.ContainsFunc(ownPrefixes, func(prefix string) bool { return strings.HasPrefix(lower, prefix) })
}

// isToken is RFC 9110, section 5.6.2.
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

func isControl(r rune) bool { return r < ' ' || r == 0x7F }
