;; Traps while it is instantiated.
;;
;; expect: start wasm `unreachable`
(module (func $trap (unreachable)) (start $trap))
