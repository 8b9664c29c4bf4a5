package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"beckon/internal/problem"
	"beckon/internal/secret"
)

func (d *Documents[T]) encode(item T) (string, error) {
	var unsealed error
	seal := json.MarshalToFunc(func(enc *jsontext.Encoder, s secret.String) error {
		if s == secret.Lost {
			unsealed = problem.New(problem.Conflict, "secret_lost",
				"A secret of it does not open with this secrets key, so it cannot be kept as it is. Restore the key, "+
					"or give the secret again.")
			return unsealed
		}
		sealed, err := d.sealer.Seal(s, d.place(item.Key()))
		if err != nil {
			unsealed = problem.New(problem.Unavailable, problem.CodeSecretsUnavailable,
				"Secrets cannot be kept: there is no key to seal them with. Put one into secrets.key beside the "+
					"database, or set server.secretsKey, and start again; the log says more.").Because(err)
			return unsealed
		}
		return enc.WriteToken(jsontext.String(sealed))
	})
	spec, err := json.Marshal(item, json.WithMarshalers(seal))
	if unsealed != nil {
		return "", unsealed
	}
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", d.place(item.Key()), err)
	}
	return string(spec), nil
}

// decode returns as much of a document as can be read: one member that fits no more, or not yet, is left out and named,
// and nothing else suffers from it.
func (d *Documents[T]) decode(id, spec string) (item T, unread problem.Fields) {
	// A secret that does not open makes its resource useless until it is given again; all others go on.
	open := json.WithUnmarshalers(json.UnmarshalFromFunc(func(dec *jsontext.Decoder, s *secret.String) error {
		var sealed string
		if err := json.UnmarshalDecode(dec, &sealed); err != nil {
			return err
		}
		var err error
		if *s, err = d.sealer.Open(sealed, d.place(id)); err != nil {
			*s = secret.Lost
		}
		return nil
	}))
	if into := reflect.New(d.typ); json.Unmarshal([]byte(spec), into.Interface(), open) == nil {
		return into.Elem().Interface().(T), nil
	}
	members := map[string]jsontext.Value{}
	if json.Unmarshal([]byte(spec), &members) != nil {
		unread.Add("", "cannot be read: what the database has of it is no JSON object. Save it again, or delete it")
		clear(members)
	}
	empty := reflect.New(d.typ)
	if former, ok := empty.Interface().(Former); ok {
		members = renamed(members, former)
	}
	members["id"], _ = jsontext.AppendQuote(nil, id) // which is valid UTF-8
	filled := fill(empty.Elem(), members, func(member string, err error) {
		unread.Add(memberOf(err, member), "cannot be read as it is stored; give it again")
	}, open)
	return filled.Interface().(T), unread
}

// renamed returns the members of a document by what they are called now.
func renamed(members map[string]jsontext.Value, former Former) map[string]jsontext.Value {
	now := make(map[string]jsontext.Value, len(members))
	for name, value := range members {
		kind := value.Kind()
		now[former.FormerKey(name, kind == 't' || kind == 'f')] = value
	}
	return now
}

// asKept returns a resource as it will be when it is read from the database.
func asKept(r Record[Resource]) (Record[Resource], error) {
	reveal := json.MarshalToFunc(func(enc *jsontext.Encoder, s secret.String) error {
		return enc.WriteToken(jsontext.String(s.Reveal()))
	})
	spec, err := json.Marshal(r.Item, json.WithMarshalers(reveal))
	into := reflect.New(reflect.TypeOf(r.Item))
	if err == nil {
		err = json.Unmarshal(spec, into.Interface())
	}
	if err != nil {
		return r, fmt.Errorf("encode a resource: %w", err)
	}
	r.Item = into.Elem().Interface().(Resource)
	return r, nil
}

// Decode decodes the members of a resource that a user has sent. wrong lists the members that cannot be decoded.
func (k Kind) Decode(members map[string]jsontext.Value) (item Resource, wrong problem.Fields) {
	filled := fill(reflect.New(k.Type).Elem(), members, func(member string, err error) {
		if errors.Is(err, json.ErrUnknownName) {
			wrong.Add(problem.Shorten(member), "is not known here")
		} else {
			wrong.Add(memberOf(err, member), "has the wrong form")
		}
	}, json.RejectUnknownMembers(true))
	return filled.Interface().(Resource), wrong
}

// fill decodes members one by one into a value, and leaves out those that fail.
func fill(
	into reflect.Value, members map[string]jsontext.Value, failed func(member string, err error), how json.Options,
) reflect.Value {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		next := reflect.New(into.Type())
		next.Elem().Set(into)
		alone, err := json.Marshal(map[string]jsontext.Value{name: members[name]})
		if err == nil {
			err = json.Unmarshal(alone, next.Interface(), how)
		}
		if err != nil {
			failed(name, err)
			continue
		}
		into = next.Elem()
	}
	return into
}

// memberOf is where a value is that cannot be read: "rateLimit.per".
func memberOf(err error, member string) string {
	semantic, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return member
	}
	path := ""
	for token := range semantic.JSONPointer.Tokens() {
		if _, err := strconv.Atoi(token); err == nil {
			path += "[" + token + "]"
		} else {
			path += "." + token
		}
	}
	return cmp.Or(strings.TrimPrefix(path, "."), member)
}
