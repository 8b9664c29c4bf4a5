package egress

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// The bounds of a URL.
const (
	maxURLBytes   = 2048
	maxNameBytes  = 253 // RFC 1035, 2.3.4, as text
	maxLabelBytes = 63
	firstOpenPort = 1024 // below are the services of the system, of which only HTTP's own are for webhooks
)

const wrongPort = "must use port 80, 443 or one from 1024 to 65535"

// target is where a URL leads: an address, or a name that has yet to be looked up.
type target struct {
	host string     // in ASCII and lower case, without a trailing dot
	addr netip.Addr // valid when the host is an address
	port uint16
}

// CheckShape finds what is wrong with a URL wherever it leads: it must be http or https, with a host, without
// credentials and fragment, with an open port, and of at most 2,048 bytes. The error is a *Refused.
func CheckShape(raw string) error {
	_, err := readTarget(raw)
	return err
}

// readTarget reads a URL as CheckShape describes it.
func readTarget(raw string) (t target, err error) {
	u, err := readURL(raw)
	if err != nil {
		return t, err
	}
	if t.port, err = readPort(u); err != nil {
		return t, err
	}
	t.host, t.addr, err = readHost(u.Hostname())
	return t, err
}

func readURL(raw string) (*url.URL, error) {
	if len(raw) > maxURLBytes {
		return nil, refuse("", "must be at most 2,048 bytes long")
	}
	u, err := url.Parse(raw) // whose error would show the URL
	switch {
	case err != nil || strings.ContainsAny(raw, " \\"):
		return nil, refuse("", "must be a URL such as https://example.com/hook")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, refuse("", "must begin with https:// or http://")
	case u.User != nil:
		return nil, refuse("", "must not have a user name or a password; put credentials into a header")
	case strings.Contains(raw, "#"):
		return nil, refuse("", "must not have a fragment (the part from # on), which is never sent")
	case u.Hostname() == "":
		return nil, refuse("", "must have a host, as in https://example.com/hook")
	}
	return u, nil
}

func readPort(u *url.URL) (uint16, error) {
	if u.Port() == "" {
		if u.Scheme == "http" {
			return 80, nil
		}
		return 443, nil
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || !portIsOpen(uint16(port)) {
		return 0, refuse("", "%s", wrongPort)
	}
	return uint16(port), nil
}

func portIsOpen(port uint16) bool {
	return port == 80 || port == 443 || port >= firstOpenPort
}

// readHost reads a host the way that the strangest of resolvers might: what one of them could take for an address is
// an address here, or refused.
func readHost(written string) (host string, addr netip.Addr, err error) {
	if strings.Contains(written, "%") {
		return "", addr, refuse("", "must not name a zone (the part from %% on), which is of use on this machine only")
	}
	if strings.Contains(written, ":") {
		if addr, err = netip.ParseAddr(written); err != nil {
			return "", addr, refuse("", "must have an IPv6 address in brackets, as in https://[2606:4700::1]/hook")
		}
		return addr.String(), addr, nil
	}
	host = written
	if !isASCII(written) {
		// net/http does the same before it connects, and turns ① into 1.
		if host, err = idna.Lookup.ToASCII(written); err != nil {
			return "", addr, refuse("", "must have a host that can be a name on the Internet")
		}
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if endsInNumber(host) {
		if addr, err = netip.ParseAddr(host); err != nil {
			return "", addr, refuse("",
				"must have its IPv4 address as four decimal numbers without leading zeros, as in 192.0.2.1; "+
					"other spellings are refused")
		}
		return host, addr, nil
	}
	if !isName(host) {
		return "", addr, refuse("",
			"must have a host of letters, digits, hyphens, underscores and dots, as in hooks.example.com")
	}
	return host, addr, nil
}

// isLocalhost reports whether the host always means this machine (RFC 6761, 6.3).
func (t target) isLocalhost() bool {
	return t.host == "localhost" || strings.HasSuffix(t.host, ".localhost")
}

// endsInNumber reports whether inet_aton might take a name for an address: no name on the Internet ends in a number
// (https://url.spec.whatwg.org/#ends-in-a-number-checker).
func endsInNumber(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	digits := "0123456789"
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		last, digits = hex, "0123456789abcdef"
		return strings.Trim(last, digits) == ""
	}
	return last != "" && strings.Trim(last, digits) == ""
}

func isName(host string) bool {
	if len(host) > maxNameBytes {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > maxLabelBytes ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
