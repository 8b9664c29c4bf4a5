package senders

import (
	"iter"
	"math"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"beckon/internal/memory"
)

// Object is a JSON object that is read without errors: whatever is not there, or is something else, is empty. Its
// bytes are gone over once, whatever their size. Of members with the same name the last one counts. It is a list,
// since objects have few members: a map costs more to make than it saves.
type Object []member

type member struct {
	name  string
	value gjson.Result
}

// Parse parses the JSON object in a body. It returns nil if the body is not an object.
func Parse(body []byte) Object {
	return object(gjson.Parse(strings.TrimPrefix(memory.Text(body), "\ufeff")))
}

// ParseText reads a JSON object that is the text of a field.
func ParseText(text string) Object { return object(gjson.Parse(text)) }

func object(r gjson.Result) Object {
	if !r.IsObject() {
		return nil
	}
	return make(Object, 0, 8).read(r)
}

// read appends the members of an object.
func (o Object) read(r gjson.Result) Object {
	if r.IsObject() {
		r.ForEach(func(name, value gjson.Result) bool {
			o = append(o, member{name.Str, value})
			return true
		})
	}
	return o
}

// ParseList reads the objects of a body that is a JSON array.
func ParseList(body []byte) []Object {
	return objects(gjson.Parse(strings.TrimPrefix(memory.Text(body), "\ufeff")))
}

func objects(r gjson.Result) []Object {
	var list []Object
	if r.IsArray() {
		r.ForEach(func(_, value gjson.Result) bool {
			if value.IsObject() {
				list = append(list, object(value))
			}
			return true
		})
	}
	return list
}

// Member returns one member of a JSON body as a text, without parsing what follows it.
func Member(body []byte, path string) string { return text(gjson.GetBytes(body, path)) }

// Object returns a member that is an object.
func (o Object) Object(name string) Object { return object(o.value(name)) }

// Objects returns the objects of a list.
func (o Object) Objects(name string) []Object { return objects(o.value(name)) }

// Each calls read with the objects of a list, one after the other in the same memory, which read must not keep.
func (o Object) Each(name string, read func(Object)) {
	reused := make(Object, 0, 16)
	if r := o.value(name); r.IsArray() {
		r.ForEach(func(_, value gjson.Result) bool {
			if value.IsObject() {
				reused = reused[:0].read(value)
				read(reused)
			}
			return true
		})
	}
}

// Has reports whether there is a member of that name, null or not.
func (o Object) Has(name string) bool { return o.value(name).Exists() }

// Values goes over the members, with the texts of those that are one.
func (o Object) Values() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, m := range o {
			if !yield(Clean(m.name), text(m.value)) {
				return
			}
		}
	}
}

// Nested goes over the members that are objects.
func (o Object) Nested() iter.Seq2[string, Object] {
	return func(yield func(string, Object) bool) {
		for _, m := range o {
			if m.value.IsObject() && !yield(Clean(m.name), object(m.value)) {
				return
			}
		}
	}
}

func (o Object) value(name string) gjson.Result {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].name == name {
			return o[i].value
		}
	}
	return gjson.Result{}
}

// Exact returns a string as it was sent, also with what String leaves out.
func (o Object) Exact(name string) string { return o.value(name).Str }

// Raw returns the JSON of a member, to be read by other means.
func (o Object) Raw(name string) string { return o.value(name).Raw }

// get follows names that are separated by full stops.
func (o Object) get(path string) gjson.Result {
	name, rest, deeper := strings.Cut(path, ".")
	r := o.value(name)
	if deeper && r.IsObject() {
		return r.Get(rest)
	}
	if deeper {
		return gjson.Result{}
	}
	return r
}

// String returns the text of the first of these paths that has one: of a string itself, of a number its digits.
func (o Object) String(paths ...string) string {
	for _, path := range paths {
		if text := text(o.get(path)); text != "" {
			return text
		}
	}
	return ""
}

func text(r gjson.Result) string {
	switch r.Type {
	case gjson.String:
		return Clean(r.Str)
	case gjson.Number, gjson.True, gjson.False:
		return Clean(r.Raw)
	}
	return ""
}

// JSON returns a member as JSON text.
func (o Object) JSON(path string) string { return Clean(o.get(path).Raw) }

// True reports whether a member is true.
func (o Object) True(path string) bool { return o.get(path).Type == gjson.True }

// Int returns a number, or 0.
func (o Object) Int(path string) int64 { return o.get(path).Int() }

// Texts returns the texts of a list: of objects, the texts of their member of that name.
func (o Object) Texts(path, member string) []string {
	var list []string
	if r := o.get(path); r.IsArray() {
		r.ForEach(func(_, value gjson.Result) bool {
			if value.IsObject() {
				value = value.Get(member)
			}
			if s := text(value); s != "" {
				list = append(list, s)
			}
			return true
		})
	}
	return list
}

// Strings returns the texts of an object's members.
func (o Object) Strings(name string) map[string]string {
	m := make(map[string]string, 8)
	if r := o.value(name); r.IsObject() {
		r.ForEach(func(key, value gjson.Result) bool {
			if s := text(value); s != "" {
				m[Clean(key.String())] = s
			} else if value.IsObject() || value.IsArray() {
				m[Clean(key.String())] = Clean(value.Raw)
			}
			return true
		})
	}
	return m
}

// Time returns the first of these paths that is a time, as events have it: RFC 3339 in its common variants, or
// seconds or milliseconds since 1970.
func (o Object) Time(paths ...string) string {
	for _, path := range paths {
		if t := Time(o.String(path)); t != "" {
			return t
		}
	}
	return ""
}

// layouts are those that time.RFC3339Nano does not read.
var layouts = []string{
	"2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05 MST", "2006-01-02 15:04:05 -0700",
	"2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04:05.999999999",
	time.RFC1123Z, time.RFC1123,
}

// Time reads a time as senders write it, or returns nothing. One without a zone is UTC.
func Time(text string) string {
	if text == "" || len(text) > 64 {
		return ""
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		if t.Year() > 1 && len(text) == len("2006-01-02T15:04:05Z") && text[len(text)-1] == 'Z' {
			return text // as it would be written
		}
		return rfc3339(t)
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		if n > 1e11 {
			n /= 1000 // milliseconds
		}
		if !(n > 0 && n < 1e11) {
			return ""
		}
		seconds, part := math.Modf(n)
		return rfc3339(time.Unix(int64(seconds), int64(math.Round(part*1e6))*1000))
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return rfc3339(t)
		}
	}
	return ""
}

// Form parses the fields of a form. It returns nil if the body is not a form.
func (d Delivery) Form() url.Values {
	kind, _, _ := mime.ParseMediaType(d.Header.Get("Content-Type"))
	if kind != "application/x-www-form-urlencoded" {
		return nil
	}
	fields, err := url.ParseQuery(string(d.Body))
	if err != nil {
		return nil
	}
	return fields
}

// Payload reads the JSON object of a delivery: the body, or the field payload of a form.
func (d Delivery) Payload() Object {
	if fields := d.Form(); fields != nil {
		return ParseText(fields.Get("payload"))
	}
	return Parse(d.Body)
}
