package catalog

import (
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"beckon/internal/problem"
	"beckon/internal/secret"
)

// Secrets says where a resource has values that nobody is shown. What a change leaves out of them, or has as it is
// shown, stays as it is kept; and what is sent to an address goes to no other one unless it is given again, or whoever
// may change the address could have it sent to one of their own.
type Secrets[T any] struct {
	URL     func(*T) *string                   // the values in its query may be secrets
	Headers func(*T) *map[string]secret.String // sent to the URL
	Keys    func(*T) map[string]*secret.String // by path; sent to the URL, where there is one
}

// Env looks a variable of the environment up, like os.LookupEnv.
type Env func(name string) (value string, set bool)

const (
	onlyShown    = "must be the secret itself: ••• is only what is shown in its place"
	onlyShownURL = "must have its values themselves: ••• is only what is shown in the place of one, and stands for it as long as scheme, host and path stay the same"
	noVariable   = "cannot refer to a variable: that is for the configuration file"
	doesNotOpen  = "does not open: the secrets key (server.secretsKey, or the file secrets.key beside the database) is missing, or is not the one that sealed it. Restore it, or give the secret again"

	headersPath = "headers."
)

// CheckGiven finds out whether a secret that a person gives can be one.
func CheckGiven(found *problem.Fields, path string, s secret.String) {
	switch {
	case s == secret.Mask:
		found.Add(path, onlyShown)
	case s.IsReference():
		found.Add(path, noVariable)
	}
}

func (s Secrets[T]) url(item *T) *string {
	if s.URL == nil {
		return new(string)
	}
	return s.URL(item)
}

func (s Secrets[T]) headers(item *T) *map[string]secret.String {
	if s.Headers == nil {
		return new(map[string]secret.String)
	}
	return s.Headers(item)
}

func (s Secrets[T]) keys(item *T) map[string]*secret.String {
	if s.Keys == nil {
		return nil
	}
	return s.Keys(item)
}

// revise returns wanted with the secrets of have that it leaves as they are.
func (s Secrets[T]) revise(have, wanted T) T {
	address, headers, kept := s.url(&wanted), s.headers(&wanted), s.keys(&have)
	*address = secret.RevisedURL(*s.url(&have), *address)
	*headers = secret.RevisedHeaders(*s.headers(&have), *headers)
	for path, key := range s.keys(&wanted) {
		*key = kept[path].Revised(*key)
	}
	return wanted
}

// given returns the secrets of an item by their paths: the keys, and the values of the headers.
func (s Secrets[T]) given(item *T) map[string]secret.String {
	all := map[string]secret.String{}
	for path, key := range s.keys(item) {
		all[path] = *key
	}
	for name, value := range *s.headers(item) {
		all[headersPath+name] = value
	}
	return all
}

// check finds what a change must not have for a secret. mayRefer says that a key may be the name of a variable.
func (s Secrets[T]) check(item T, mayRefer bool) (found problem.Fields) {
	given := s.given(&item)
	for _, path := range slices.Sorted(maps.Keys(given)) {
		if value := given[path]; !mayRefer || !value.IsReference() || strings.HasPrefix(path, headersPath) {
			CheckGiven(&found, path, value)
		}
	}
	if secret.IsMaskedURL(*s.url(&item)) {
		found.Add("url", onlyShownURL)
	}
	return found
}

// checkMove finds the kept secrets that would be sent elsewhere.
func (s Secrets[T]) checkMove(have, wanted T) (found problem.Fields) {
	if s.URL == nil || sameOrigin(*s.URL(&have), *s.URL(&wanted)) {
		return nil
	}
	keys, headers, given := s.keys(&have), *s.headers(&have), s.given(&wanted)
	for _, path := range slices.Sorted(maps.Keys(given)) {
		name, isHeader := strings.CutPrefix(path, headersPath)
		if isHeader && secret.InHeaders(headers, name).IsKeptBy(given[path]) {
			found.Add(path, "must be given again: the kept value is for another address")
		} else if !isHeader && keys[path].IsKeptBy(given[path]) {
			found.Add(path, "must be given again: the kept one is for another address")
		}
	}
	return found
}

// sameOrigin compares scheme, host and port (RFC 6454).
func sameOrigin(a, b string) bool {
	of := func(text string) (string, bool) {
		u, err := url.Parse(text)
		if err != nil {
			return "", false
		}
		scheme, port := strings.ToLower(u.Scheme), u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[scheme]
		}
		return scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port, true
	}
	x, ok := of(a)
	y, fine := of(b)
	return ok && fine && x == y
}

// shown returns an item as it may be shown beside its secrets, marking a URL of which only what is masked has changed.
func (s Secrets[T]) shown(before, item T) T {
	was, is := *s.url(&before), s.url(&item)
	shown := secret.ShownURL(*is)
	if was != "" && was != *is && secret.ShownURL(was) == shown {
		shown += " (new)"
	}
	*is = shown
	return item
}

var secretType = reflect.TypeFor[secret.String]()

// lostSecrets finds the secrets of a document that the key does not open.
func lostSecrets(v reflect.Value, path string) (found problem.Fields) {
	switch {
	case v.Type() == secretType:
		if v.Interface() == secret.Lost {
			found.Add(path, doesNotOpen)
		}
	case v.Kind() == reflect.Map && v.Type().Elem() == secretType:
		for _, name := range slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) }) {
			found = append(found, lostSecrets(v.MapIndex(name), path+"."+name.String())...)
		}
	case v.Kind() == reflect.Struct && path == "":
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			if name != "" && name != "-" {
				found = append(found, lostSecrets(v.Field(i), name)...)
			}
		}
	}
	return found
}
