package deliveries

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/signature"
)

// The bounds of the headers that a receiver wants to be sent.
const (
	maxHeaders     = 32
	maxHeaderBytes = 8 << 10 // of all names and values together
)

// Why a header cannot be set. The sentence goes on after "cannot be set: it".
const (
	ofConnection = "belongs to the connection, not to the delivery"
	ofBody       = "describes the body, which Beckon writes"
	ofAnswer     = "says which answers Beckon can read"
	ofSignature  = "is part of the signature"
	ofSender     = "names the sender; an endpoint with a vendor may set it"
)

// The headers that nobody can set besides us, as plainName writes them: those of RFC 9110, section 7.6.1, and those
// that the formats and signatures send.
var (
	reserved = map[string]string{
		"host":                ofConnection,
		"connection":          ofConnection,
		"proxy-connection":    ofConnection,
		"keep-alive":          ofConnection,
		"transfer-encoding":   ofConnection,
		"te":                  ofConnection,
		"trailer":             ofConnection,
		"upgrade":             ofConnection,
		"http2-settings":      ofConnection,
		"expect":              ofConnection,
		"proxy-authenticate":  ofConnection,
		"proxy-authorization": ofConnection,
		"content-length":      ofBody,
		"content-type":        ofBody,
		"content-encoding":    ofBody,
		"accept-encoding":     ofAnswer,
		"user-agent":          ofSender,
	}
	reservedPrefixes = []string{"webhook-", "svix-"}
	// behind "x-vendor-"
	reservedSuffixes = []string{"signature", "signature-previous", "event", "timestamp", "delivery"}
)

// checkHeaders finds what is wrong with headers, besides those that are reserved. It never shows a value.
func checkHeaders(headers map[string]secret.String) (found problem.Fields) {
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

// checkReserved finds the headers that cannot be set, with what follows from that: "cannot be set". vendor is empty
// where none is given.
func checkReserved(headers map[string]secret.String, vendor, follows string) (found problem.Fields) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if why := whyReserved(name, vendor); why != "" {
			found.Add(name, "%s: it %s", follows, why)
		}
	}
	return found
}

// checkReserved finds the endpoint's headers that cannot be set. A destination's signs nothing, and has a content
// of its own.
func (e Endpoint) checkReserved(follows string) (found problem.Fields) {
	if e.destination() == nil {
		return checkReserved(e.Headers, e.Vendor, follows)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		if why := reserved[plainName(name)]; why == ofConnection || why == ofAnswer {
			found.Add(name, "%s: it %s", follows, why)
		}
	}
	return found
}

// whyReserved says why a header cannot be set; empty when it can.
func whyReserved(name, vendor string) string {
	name = plainName(name)
	if name == "user-agent" && vendor != "" {
		return ""
	}
	if why := reserved[name]; why != "" {
		return why
	}
	ours := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
	suffix, ofVendor := strings.CutPrefix(name, plainName("x-"+cmp.Or(vendor, signature.DefaultVendor)+"-"))
	if slices.ContainsFunc(reservedPrefixes, ours) || ofVendor && slices.Contains(reservedSuffixes, suffix) {
		return ofSignature
	}
	return ""
}

// plainName writes a name as the receivers do that take upper and lower case for the same, and - and _: WSGI, CGI, PHP.
func plainName(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }

// isToken is RFC 9110, section 5.6.2.
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

func isControl(r rune) bool { return r < ' ' || r == 0x7F }
