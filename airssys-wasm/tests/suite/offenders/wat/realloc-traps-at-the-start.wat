;; Traps when the host asks for room for the settings of its start.
;;
;; expect: start trapped: wasm trap: wasm `unreachable`
(module
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (unreachable)))
