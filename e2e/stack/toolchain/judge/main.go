// Command judge says what Argo CD and kstatus make of objects: a line of JSON in, a line of JSON out.
// Argo CD runs health scripts in gopher-lua with the object as the global obj, and takes the table that they return; so does this.
// kstatus is the library itself.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type verdict struct {
	Health  string `json:"health"`
	Message string `json:"message"`
	Kstatus string `json:"kstatus"`
	Error   string `json:"error,omitempty"`
}

func main() {
	scripts := os.Args[1]
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		out, err := judge(scripts, lines.Bytes())
		if err != nil {
			out.Error = err.Error()
		}
		text, _ := json.Marshal(out)
		fmt.Println(string(text))
	}
}

func judge(scripts string, text []byte) (verdict, error) {
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		return verdict{}, err
	}
	// Whole numbers stay whole for kstatus; Lua knows but one kind of number.
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(text); err != nil {
		return verdict{}, err
	}
	var out verdict
	result, err := status.Compute(u)
	if err != nil {
		return out, err
	}
	out.Kstatus = result.Status.String()
	script, err := os.ReadFile(filepath.Join(scripts, u.GetKind()+".lua"))
	if err != nil {
		return out, err
	}
	out.Health, out.Message, err = health(string(script), object)
	return out, err
}

func health(script string, object map[string]any) (string, string, error) {
	vm := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer vm.Close()
	for _, lib := range []struct {
		name string
		open lua.LGFunction
	}{{lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}, {lua.StringLibName, lua.OpenString}} {
		if err := vm.CallByParam(lua.P{Fn: vm.NewFunction(lib.open), Protect: true}, lua.LString(lib.name)); err != nil {
			return "", "", err
		}
	}
	vm.SetGlobal("obj", luajson.DecodeValue(vm, object))
	if err := vm.DoString(script); err != nil {
		return "", "", err
	}
	table, ok := vm.Get(-1).(*lua.LTable)
	if !ok {
		return "", "", fmt.Errorf("the script returned no table")
	}
	return lua.LVAsString(table.RawGetString("status")), lua.LVAsString(table.RawGetString("message")), nil
}
