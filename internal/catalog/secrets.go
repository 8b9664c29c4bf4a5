package catalog

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"beckon/internal/problem"
	"beckon/internal/secret"
)

// Secrets lists the members of a resource whose values are never shown. A change that omits such a value, or
// contains its mask, keeps the stored value. If a change points a secret to another address, the secret must be
// given again; otherwise anyone who may change the address could have the secret sent to an address of their own.
type Secrets struct {
	URL *string // the values in its query may be secrets
	// HidesPath says that the path of the URL may be a secret as well.
	HidesPath bool
	Headers   *map[string]secret.String // sent to the URL
	// HeadersPath is where Headers are; "headers" unless it is set.
	HeadersPath string
	// by path, of values that have names; sent to the URL, where there is one
	Maps map[string]*map[string]secret.String
	Keys map[string]*secret.String // by path; sent to the URL, where there is one
}

// Env looks a variable of the environment up, like os.LookupEnv.
type Env func(name string) (value string, set bool)

const (
	onlyShown    = "must be the secret itself: ••• is only what is shown in its place"
	onlyShownURL = "must have its values themselves: ••• is only what is shown in the place of one, " +
		"and stands for it as long as scheme, host and path stay the same"
	noVariable  = "cannot refer to a variable: that is for the configuration file"
	doesNotOpen = "does not open: the secrets key (server.secretsKey, or the file secrets.key beside the database) " +
		"is missing, or is not the one that sealed it. Restore it, or give the secret again"
)

// headerAt is the path of a header.
func (s Secrets) headerAt(name string) string { return cmp.Or(s.HeadersPath, "headers") + "." + name }

// isHeader returns the name of the header at a path.
func (s Secrets) isHeader(path string) (name string, ok bool) {
	return strings.CutPrefix(path, s.headerAt(""))
}

// CheckGiven finds out whether a secret that a person gives can be one.
func CheckGiven(found *problem.Fields, path string, s secret.String) {
	switch {
	case s == secret.Mask:
		found.Add(path, onlyShown)
	case s.IsReference():
		found.Add(path, noVariable)
	}
}

// keep puts in the secrets of kept that are left as they are.
func (s Secrets) keep(kept Secrets) {
	if s.HidesPath && kept.HidesPath && *s.URL == kept.shownURL() {
		*s.URL = *kept.URL
	} else {
		*s.URL = secret.RevisedURL(*kept.URL, *s.URL)
	}
	*s.Headers = secret.RevisedHeaders(*kept.Headers, *s.Headers)
	for path, values := range s.Maps {
		*values = secret.RevisedMap(kept.values(path), *values)
	}
	for path, key := range s.Keys {
		*key = kept.key(path).Revised(*key)
	}
}

func (s Secrets) key(path string) (value secret.String) {
	if at := s.Keys[path]; at != nil {
		value = *at
	}
	return value
}

func (s Secrets) values(path string) map[string]secret.String {
	if at := s.Maps[path]; at != nil {
		return *at
	}
	return nil
}

// given returns the secrets by their paths: the keys, and the values of the headers and the maps.
func (s Secrets) given() map[string]secret.String {
	all := map[string]secret.String{}
	for path, key := range s.Keys {
		all[path] = *key
	}
	for name, value := range *s.Headers {
		all[s.headerAt(name)] = value
	}
	for path, values := range s.Maps {
		for name, value := range *values {
			all[path+"."+name] = value
		}
	}
	return all
}

// check finds what a change must not have for a secret. mayRefer says that a key may be the name of a variable.
func (s Secrets) check(mayRefer bool) (found problem.Fields) {
	given := s.given()
	for _, path := range slices.Sorted(maps.Keys(given)) {
		if value := given[path]; !mayRefer || !value.IsReference() || s.Keys[path] == nil {
			CheckGiven(&found, path, value)
		}
	}
	if secret.IsMaskedURL(*s.URL) {
		found.Add("url", onlyShownURL)
	}
	return found
}

// checkMove finds the secrets of kept that would be sent elsewhere.
func (s Secrets) checkMove(kept Secrets) (found problem.Fields) {
	if sameOrigin(*kept.URL, *s.URL) {
		return nil
	}
	given := s.given()
	for _, path := range slices.Sorted(maps.Keys(given)) {
		name, isHeader := s.isHeader(path)
		if isHeader && secret.InHeaders(*kept.Headers, name).IsKeptBy(given[path]) {
			found.Add(path, "must be given again: the kept value is for another address")
		} else if !isHeader && kept.given()[path].IsKeptBy(given[path]) {
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

func (s Secrets) shownURL() string {
	if s.HidesPath && *s.URL != "" {
		return secret.ShownOrigin(*s.URL)
	}
	return secret.ShownURL(*s.URL)
}

// show masks the URL, and marks it where only what is masked has changed since was.
func (s Secrets) show(was Secrets) {
	shown := s.shownURL()
	if *was.URL != "" && *was.URL != *s.URL && was.shownURL() == shown {
		shown += " (new)"
	}
	*s.URL = shown
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
		for _, name := range slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int {
			return strings.Compare(a.String(), b.String())
		}) {
			found = append(found, lostSecrets(v.MapIndex(name), path+"."+name.String())...)
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return lostSecrets(v.Elem(), path)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			found = append(found, lostSecrets(v.Index(i), fmt.Sprintf("%s[%d]", path, i))...)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			if name != "" && name != "-" {
				found = append(found, lostSecrets(v.Field(i), strings.TrimPrefix(path+"."+name, "."))...)
			}
		}
	}
	return found
}
