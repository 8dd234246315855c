;; Traps in `shutdown`.
;;
;; expect: handled
(module
  (func (export "airssys:component/lifecycle@0.2.0#shutdown") (unreachable)))
