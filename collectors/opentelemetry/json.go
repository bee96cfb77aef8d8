package headwaterreceiver

import (
	"bytes"
	"encoding/json"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// value is a JSON value that keeps the order of members and the exact numbers: an event's body.
type value struct {
	kind    kind
	text    string // of text and numbers; of objects, how they were written
	flag    bool
	items   []value
	members []member
}

type member struct {
	name  string
	value value
}

type kind int

const (
	kindMissing kind = iota
	kindNull
	kindFlag
	kindNumber
	kindText
	kindList
	kindObject
)

var missing = &value{}

// parse reads an event's body. One that is not JSON, which the library has ruled out, would become text.
func parse(body []byte) value {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	parsed, err := read(decoder, body)
	if err != nil {
		return value{kind: kindText, text: string(body)}
	}
	return parsed
}

func read(decoder *json.Decoder, body []byte) (value, error) {
	token, err := decoder.Token()
	if err != nil {
		return value{}, err
	}
	switch token := token.(type) {
	case nil:
		return value{kind: kindNull}, nil
	case bool:
		return value{kind: kindFlag, flag: token}, nil
	case json.Number:
		return value{kind: kindNumber, text: token.String()}, nil
	case string:
		return value{kind: kindText, text: token}, nil
	case json.Delim:
		if token == '[' {
			return readList(decoder, body)
		}
		return readObject(decoder, body)
	}
	return value{}, nil
}

func readList(decoder *json.Decoder, body []byte) (value, error) {
	list := value{kind: kindList}
	for decoder.More() {
		item, err := read(decoder, body)
		if err != nil {
			return value{}, err
		}
		list.items = append(list.items, item)
	}
	_, err := decoder.Token()
	return list, err
}

func readObject(decoder *json.Decoder, body []byte) (value, error) {
	object := value{kind: kindObject}
	begin := decoder.InputOffset() - 1
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return value{}, err
		}
		inner, err := read(decoder, body)
		if err != nil {
			return value{}, err
		}
		text, _ := name.(string)
		object.members = append(object.members, member{name: text, value: inner})
	}
	_, err := decoder.Token()
	object.text = string(body[begin:decoder.InputOffset()])
	return object, err
}

// member is the member of this name; a missing value where there is none.
func (v *value) member(name string) *value {
	for index := range v.members {
		if v.members[index].name == name {
			return &v.members[index].value
		}
	}
	return missing
}

// string is the text; empty for anything else.
func (v *value) string() string {
	if v.kind == kindText {
		return v.text
	}
	return ""
}

// put writes the value as the collector's own kind of value.
func (v *value) put(into pcommon.Value) {
	switch v.kind {
	case kindFlag:
		into.SetBool(v.flag)
	case kindText:
		into.SetStr(v.text)
	case kindNumber:
		v.putNumber(into)
	case kindList:
		list := into.SetEmptySlice()
		list.EnsureCapacity(len(v.items))
		for index := range v.items {
			v.items[index].put(list.AppendEmpty())
		}
	case kindObject:
		fields := into.SetEmptyMap()
		fields.EnsureCapacity(len(v.members))
		for index := range v.members {
			v.members[index].value.put(fields.PutEmpty(v.members[index].name))
		}
	case kindNull, kindMissing:
	}
}

func (v *value) putNumber(into pcommon.Value) {
	number := json.Number(v.text)
	if whole, err := number.Int64(); err == nil {
		into.SetInt(whole)
		return
	}
	fraction, err := number.Float64()
	if err != nil {
		// Beyond what a number can be here; the digits are kept.
		into.SetStr(v.text)
		return
	}
	into.SetDouble(fraction)
}

// flatten writes the members of an object as attributes, whose names are flat: what is in an object gets its name before its own.
func (v *value) flatten(before string, into pcommon.Map) {
	if v == nil {
		return
	}
	for index := range v.members {
		name, inner := before+v.members[index].name, &v.members[index].value
		switch inner.kind {
		case kindNull:
		case kindObject:
			inner.flatten(name+".", into)
		default:
			inner.put(into.PutEmpty(name))
		}
	}
}
