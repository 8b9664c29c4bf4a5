package config

import (
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// hideInURL replaces the values in the query of a resource's URL, which may be keys. Where one cannot be told from
// the rest, all of the URL becomes a variable.
func (e *exporter) hideInURL(n *yaml.Node, at place) {
	text, restore, ok := withoutReferences(n.Value)
	before, query, hasQuery := strings.Cut(text, "?")
	if !ok || strings.Contains(before, "@") {
		*n = *scalar("${" + e.ask(at) + "}")
		return
	}
	if !hasQuery {
		return
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, value, hasValue := strings.Cut(pair, "=")
		if !hasValue || name == "" || strings.Trim(value, "=") == "" { // a key on its own
			name, value = "", pair
		}
		if value == "" || bareReference.MatchString(restore(value)) {
			continue
		}
		if name == "" {
			pairs[i] = "${" + e.ask(at.within("query")) + "}"
		} else {
			pairs[i] = name + "=${" + e.ask(at.within(strings.ReplaceAll(name, placeholder, ""))) + "}"
		}
	}
	*n = *scalar(restore(before + "?" + strings.Join(pairs, "&")))
}

// placeholder stands around the number of a reference. No URL has it.
const placeholder = "\x00"

// withoutReferences puts something that divides no URL in the place of each ${reference}; restore puts them back.
// ok is false when one of them may hold what divides a URL, in its default.
func withoutReferences(s string) (text string, restore func(string) string, ok bool) {
	var out strings.Builder
	var pairs []string
	for s != "" {
		end := 0
		switch {
		case strings.HasPrefix(s, "$${"):
			out.WriteString(s[:3])
			s = s[3:]
			continue
		case strings.HasPrefix(s, "${"):
			end = closing(s)
		}
		if end < 0 {
			return "", nil, false
		}
		if end == 0 {
			out.WriteByte(s[0])
			s = s[1:]
			continue
		}
		reference := s[:end+1]
		if strings.ContainsAny(reference, "?@&") {
			return "", nil, false
		}
		stand := placeholder + strconv.Itoa(len(pairs)/2) + placeholder
		pairs = append(pairs, stand, reference)
		out.WriteString(stand)
		s = s[end+1:]
	}
	return out.String(), strings.NewReplacer(pairs...).Replace, true
}
