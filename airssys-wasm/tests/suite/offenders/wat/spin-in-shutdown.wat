;; Never returns from `shutdown`.
;;
;; expect: handled
(module
  (func (export "airssys:component/lifecycle@0.2.0#shutdown") (loop $on (br $on))))
