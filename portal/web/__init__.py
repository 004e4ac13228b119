"""Floor 4: HTTP. ROUTES is the table of contents of the site; the first list lives under PORTAL_PREFIX."""

from __future__ import annotations

from portal.web import (
    acting,
    files,
    health,
    live,
    metrics,
    order_block,
    orders_api,
    panel,
    panel_links,
    request_list,
    requests,
    static_files,
    taking,
    webhook,
    widget,
    writing,
)

UNDER_PREFIX = [
    request_list.index,  #         GET  {prefix}/
    requests.show,  #              GET  {prefix}/{ticket_id}
    writing.reply,  #              POST {prefix}/{ticket_id}/reply
    writing.replied,  #            GET  {prefix}/{ticket_id}/reply
    writing.new,  #                GET  {prefix}/new
    writing.open_request,  #       POST {prefix}/new
    writing.on_its_way,  #         GET  {prefix}/new/{kept_id}
    acting.close,  #               POST {prefix}/{ticket_id}/close
    acting.reopen,  #              POST {prefix}/{ticket_id}/reopen
    acting.rate,  #                POST {prefix}/{ticket_id}/rate
    files.file,  #                 GET  {prefix}/{ticket_id}/files/{file_id}
    files.view,  #                 GET  {prefix}/{ticket_id}/files/{file_id}/view
    files.whole,  #                GET  {prefix}/{ticket_id}/files.zip
    taking.overview,  #            GET  {prefix}/export
    taking.begin,  #               POST {prefix}/export
    taking.conversation,  #        GET  {prefix}/export/{ticket_file}
    taking.archive,  #             GET  {prefix}/export/requests.zip
    taking.sure,  #                GET  {prefix}/export/erase
    taking.erase,  #               POST {prefix}/export/erase
    taking.receipt,  #             GET  {prefix}/export/receipt
    requests.prove_page,  #        GET  {prefix}/prove
    requests.ask_for_proof,  #     POST {prefix}/prove
    requests.follow_proof,  #      GET  {prefix}/prove/{token}
    requests.prove,  #             POST {prefix}/prove/{token}
    widget.script,  #              GET  {prefix}/widget.js
    widget.identity,  #            GET  {prefix}/widget/identity
    order_block.script,  #         GET  {prefix}/order.js
    order_block.about,  #          GET  {prefix}/order
    live.events,  #                GET  {prefix}/events
    live.badge,  #                 GET  {prefix}/badge
    live.badge_script,  #          GET  {prefix}/badge.js
    static_files.static,  #          GET  {prefix}/static/{name}
]

PANEL = [
    panel.closed,  #               GET  {prefix}/panel
    panel.open_by_form,  #         POST {prefix}/panel
    panel.open_by_path,  #         GET  {prefix}/panel/{token}
    panel.act,  #                  POST {prefix}/panel/{act}
]
"""Under PORTAL_PREFIX too, for operators: no cookie is read or set there."""

DOORS = [
    orders_api.pull,  #            GET  /api/orders/
    panel_links.links,  #          POST /api/panel/links
    orders_api.description,  #     GET  /api/orders/openapi.json
    webhook.receive,  #            POST /api/hde-webhook, /api/hde-webhook.php
]
"""For machines: at the root of the site, and with JSON for errors."""

NOT_PUBLISHED = [
    health.alive,  #               GET  /healthz
    health.ready,  #               GET  /readyz
    metrics.metrics,  #            GET  /metrics
]
