//! A shop of components that shows every way of messaging. Each plays the part in its settings.

mod courier;
mod customer;
mod ledger;
mod mail;
mod packer;
mod stock;

use airssys_sdk::prelude::*;

use courier::Courier;
use customer::Customer;
use ledger::Ledger;
use mail::Mail;
use packer::Packer;
use stock::Stock;

enum Shop {
    Courier(Courier),
    Customer(Customer),
    Ledger(Ledger),
    Mail(Mail),
    Packer(Packer),
    Stock(Stock),
}

impl Component for Shop {
    fn initialize(config: &Config, context: &Context) -> Result<Self, StartError> {
        Ok(match config.require("part")? {
            "courier" => Shop::Courier(Courier),
            "customer" => Shop::Customer(Customer::start(context)?),
            "ledger" => Shop::Ledger(Ledger::default()),
            "mail" => Shop::Mail(Mail),
            "packer" => Shop::Packer(Packer),
            "stock" => Shop::Stock(Stock::full()),
            other => return Err(StartError::from(format!("the shop has no part `{other}`"))),
        })
    }

    async fn handle(&mut self, message: Message, context: &Context) -> Result<Reply, Rejection> {
        match self {
            Shop::Courier(courier) => courier.handle(&message, context).await,
            Shop::Customer(customer) => customer.handle(&message, context).await,
            Shop::Ledger(ledger) => ledger.handle(&message, context),
            Shop::Mail(mail) => mail.handle(&message),
            Shop::Packer(packer) => packer.handle(&message, context).await,
            Shop::Stock(stock) => stock.handle(&message),
        }
    }
}

airssys_sdk::component!(Shop);
