package secret

import "strings"

// ShownURL is a URL as it may be shown: receivers and providers take keys in the query, so that its values are
// masked, and so is the user before the host. What is no URL is treated as if it were one.
func ShownURL(raw string) string {
	before, query, after, ok := splitURL(raw)
	before = maskUser(before)
	if !ok {
		return before + after
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		if pair != "" {
			pairs[i] = masked(pair)
		}
	}
	return before + "?" + strings.Join(pairs, "&") + after
}

// ShownOrigin is a URL whose path may be a key as well: its scheme and host.
func ShownOrigin(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return ShownURL(raw)
	}
	host := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host = rest[:i]
	}
	return maskUser(scheme+"://"+host) + "/" + Mask
}

// RevisedURL is what a kept URL becomes when a change gives wanted for it: each value that wanted has masked is the
// one that was kept under its name, if both lead to the same place. A mask that stands for nothing stays.
func RevisedURL(have, wanted string) string {
	before, query, after, ok := splitURL(wanted)
	place, kept, _, _ := splitURL(have)
	if maskUser(place) != maskUser(before) {
		return wanted
	}
	if strings.Contains(before, Mask+"@") {
		before = place
	}
	if !ok {
		return before + after
	}
	values := map[string][]string{} // whole pairs, by name; those that are no more than a value have none
	for pair := range strings.SplitSeq(kept, "&") {
		name := nameIn(pair)
		values[name] = append(values[name], pair)
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name := nameIn(pair)
		list := values[name]
		if len(list) == 0 {
			continue
		}
		values[name] = list[1:]
		if pair == masked(pair) || strings.EqualFold(pair, name+"="+escapedMask) || strings.EqualFold(pair, escapedMask) {
			pairs[i] = list[0]
		}
	}
	return before + "?" + strings.Join(pairs, "&") + after
}

// IsMaskedURL reports whether a URL has a mask in it where it should have a value.
func IsMaskedURL(raw string) bool {
	return strings.Contains(raw, Mask) || strings.Contains(strings.ToUpper(raw), escapedMask)
}

// escapedMask is the mask as a program may write it.
const escapedMask = "%E2%80%A2%E2%80%A2%E2%80%A2"

// nameIn is the name of a pair in a query; what may be a value on its own has none, such as a key that ends in =.
func nameIn(pair string) string {
	name, value, _ := strings.Cut(pair, "=")
	if strings.Trim(value, "=") == "" {
		return ""
	}
	return name
}

func masked(pair string) string {
	if name := nameIn(pair); name != "" {
		return name + "=" + Mask
	}
	return Mask
}

// splitURL cuts a URL around its query; ok says that it has one. It does not mind what else is wrong with the URL.
func splitURL(raw string) (before, query, after string, ok bool) {
	end := len(raw)
	if i := strings.IndexByte(raw, '#'); i >= 0 {
		end = i
	}
	before, query, ok = strings.Cut(raw[:end], "?")
	return before, query, raw[end:], ok
}

// maskUser masks what stands between the scheme and the last @ in front of the path.
func maskUser(before string) string {
	begin := strings.Index(before, "://")
	if begin < 0 {
		return before
	}
	begin += len("://")
	end := len(before)
	if i := strings.IndexByte(before[begin:], '/'); i >= 0 {
		end = begin + i
	}
	if at := strings.LastIndexByte(before[begin:end], '@'); at >= 0 {
		return before[:begin] + Mask + before[begin+at:]
	}
	return before
}
