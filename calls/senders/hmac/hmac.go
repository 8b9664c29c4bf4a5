// Package hmac is the scheme for every signature that no other one knows: an HMAC over a content that the administrator
// describes.
package hmac

import (
	"context"
	"crypto/sha1" //nolint:gosec // some senders know no other
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"regexp"
	"slices"
	"strings"
	"time"

	"beckon/calls/senders"
)

// Scheme is {scheme: hmac, secret, header, prefix, algorithm, encoding, content, timestampHeader, idHeader, tolerance}.
var Scheme = &senders.Sender{
	Name: "hmac", Title: "HMAC", Group: senders.Proofs, Check: check, Verify: verify,
	Shows: func(p senders.Proof, d senders.Delivery) bool { return p.Header != "" && d.Header.Get(p.Header) != "" },
}

var (
	algorithms = map[string]func() hash.Hash{"": sha256.New, "sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}
	encodings  = map[string]func(string) ([]byte, error){
		"": hex.DecodeString, "hex": hex.DecodeString,
		"base64": base64.StdEncoding.Strict().DecodeString, "base64url": base64.RawURLEncoding.Strict().DecodeString,
	}
	placeholder = regexp.MustCompile(`\{\{-?\s*(.*?)\s*-?\}\}`)
	known       = []string{".body", ".timestamp", ".id", ".url", ".method"}
)

func check(p senders.Proof) error {
	content := fields(p)
	switch {
	case p.Header == "":
		return senders.Refuse("scheme hmac needs the header that has the signature")
	case algorithms[p.Algorithm] == nil:
		return senders.Refuse("algorithm %q is unknown; there are sha1, sha256 and sha512", p.Algorithm)
	case encodings[p.Encoding] == nil:
		return senders.Refuse("encoding %q is unknown; there are hex, base64 and base64url", p.Encoding)
	case !slices.Contains(content, ".body"):
		return senders.Refuse("content needs {{ .body }}: what it leaves out, anybody could change")
	case slices.Contains(content, ".timestamp") && p.TimestampHeader == "":
		return senders.Refuse("content has {{ .timestamp }}: timestampHeader has to say where it is")
	case slices.Contains(content, ".id") && p.IDHeader == "":
		return senders.Refuse("content has {{ .id }}: idHeader has to say where it is")
	case p.TimestampHeader != "" && !slices.Contains(content, ".timestamp"):
		return senders.Refuse("content needs {{ .timestamp }}: a time that is not signed proves nothing")
	}
	if strings.Contains(placeholder.ReplaceAllString(p.Content, ""), "{{") {
		return senders.Refuse("content has {{ without }}")
	}
	for _, field := range content {
		if !slices.Contains(known, field) {
			return senders.Refuse("content has {{ %s }}; there are %s", field, strings.Join(known, ", "))
		}
	}
	return nil
}

// fields returns what the content names, in order.
func fields(p senders.Proof) []string {
	if p.Content == "" {
		return []string{".body"}
	}
	var names []string
	for _, match := range placeholder.FindAllStringSubmatch(p.Content, -1) {
		names = append(names, match[1])
	}
	return names
}

func verify(_ context.Context, p senders.Proof, d senders.Delivery, now time.Time) (proved senders.Proved, err error) {
	if err := check(p); err != nil { // it could be signed by anybody
		return proved, err
	}
	text, err := senders.One(d.Header, p.Header)
	if err != nil {
		return proved, err
	}
	encoded, hasPrefix := strings.CutPrefix(text, p.Prefix)
	raw, err := encodings[p.Encoding](encoded)
	if !hasPrefix || err != nil || strings.ContainsAny(encoded, "\r\n") {
		return proved, senders.Refuse("The header %s is not %q and a signature as the client's encoding says.",
			p.Header, p.Prefix)
	}
	values := map[string]string{".url": d.URL.String(), ".method": d.Method}
	if p.TimestampHeader != "" {
		if values[".timestamp"], err = senders.One(d.Header, p.TimestampHeader); err != nil {
			return proved, err
		}
		if proved.At, err = senders.Seconds(values[".timestamp"], p.Tolerance, now); err != nil {
			return senders.Proved{}, err
		}
	}
	if p.IDHeader != "" {
		if values[".id"], err = senders.One(d.Header, p.IDHeader); err != nil {
			return senders.Proved{}, err
		}
		if strings.ContainsAny(values[".id"], ".:,;| \t") { // it could be made to look like another id and time
			return senders.Proved{}, senders.Refuse("The header %s has a character that separates what is signed.",
				p.IDHeader)
		}
		proved.DeliveryID, proved.Signed = values[".id"], slices.Contains(fields(p), ".id")
	}
	if !senders.SignedBy(p.Secrets, algorithms[p.Algorithm], [][]byte{raw}, content(p, values, d.Body)...) {
		return senders.Proved{}, senders.Mismatch
	}
	proved.Signature = text
	return proved, nil
}

// content returns the parts that were signed; the body is never copied.
func content(p senders.Proof, values map[string]string, body []byte) [][]byte {
	if p.Content == "" {
		return [][]byte{body}
	}
	var parts [][]byte
	end := 0
	for _, at := range placeholder.FindAllStringSubmatchIndex(p.Content, -1) {
		parts = append(parts, []byte(p.Content[end:at[0]]))
		if name := p.Content[at[2]:at[3]]; name == ".body" {
			parts = append(parts, body)
		} else {
			parts = append(parts, []byte(values[name]))
		}
		end = at[1]
	}
	return append(parts, []byte(p.Content[end:]))
}
