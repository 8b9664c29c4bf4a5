package render

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// JSON decodes JSON into what templates work on: nil, bool, string, int64 for integers that fit, other types for
// the other numbers, which keep their digits, []any and map[string]any. Of members with the same name the last one
// counts. Text that isn't UTF-8, more than 10,000 levels and anything behind the value are errors; they are those
// of jsontext.
func JSON(data []byte) (any, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true))
	v, err := decode(d)
	if err == nil {
		err = JSONEnd(d)
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// JSONEnd reports an error unless d is at the end of its input.
func JSONEnd(d *jsontext.Decoder) error {
	_, err := d.ReadToken()
	switch {
	case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil
	case err == nil:
		return &jsontext.SyntacticError{ByteOffset: d.InputOffset(), Err: errTrailing}
	}
	return err
}

var errTrailing = errors.New("more than one value")

func decode(d *jsontext.Decoder) (any, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case jsontext.KindTrue, jsontext.KindFalse:
		return token.Bool(), nil
	case jsontext.KindString:
		return token.String(), nil
	case jsontext.KindNumber:
		return decodeNumber(token), nil
	case jsontext.KindBeginArray:
		return decodeList(d)
	case jsontext.KindBeginObject:
		return decodeMap(d)
	}
	return nil, nil
}

func decodeList(d *jsontext.Decoder) (any, error) {
	list := []any{}
	for d.PeekKind() != jsontext.KindEndArray {
		v, err := decode(d)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.ReadToken()
	return slices.Clip(list), err // or slice could look behind the end
}

func decodeMap(d *jsontext.Decoder) (any, error) {
	m := map[string]any{}
	for d.PeekKind() != jsontext.KindEndObject {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String()
		if m[key], err = decode(d); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return m, err
}
