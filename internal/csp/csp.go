// Package csp makes the parts of a Content-Security-Policy for pages that bring their own style and script.
package csp

import (
	"crypto/sha256"
	"encoding/base64"
)

// Hash returns the source expression that allows exactly this text between <style> or <script> tags: 'sha256-…', with its quotes.
// See https://www.w3.org/TR/CSP3/#grammardef-hash-source.
func Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
