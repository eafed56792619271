//! Medians and their ratios to the floor, as a table for people and as JSON for programs.

use serde::Serialize;

use crate::comparison::{Bound, NONE, Sample, Samples, json_lines, median, thousands};
use crate::measure::Reading;
use crate::order::Faults;
use crate::plan::{Case, ServerName};

/// All samples of a run; a case is the same if the number of connections is, too.
#[derive(Clone, Debug)]
pub struct Report {
    samples: Samples<ServerName, (Case, usize), Reading>,
    network: &'static str,
}

/// One server's result in one case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured.
    pub case: Case,
    /// Connections it was measured with.
    pub sockets: usize,
    /// Whose result it is.
    pub server: ServerName,
    /// `bytes` or `us`.
    pub unit: &'static str,
    /// Median of all rounds.
    pub median: f64,
    /// Median of the ratios to the floor in the same round; none without the floor.
    pub times_floor: Option<f64>,
    /// Median of the ratios to npm `socket.io` in the same round; none without it.
    pub times_node: Option<f64>,
    /// The value of each round.
    pub values: Vec<f64>,
    /// Messages that arrived, over all rounds.
    pub arrived: u64,
    /// What went wrong with them.
    pub faults: Faults,
}

impl Report {
    pub(crate) fn new(rounds: u32, servers: Vec<ServerName>, network: &'static str) -> Self {
        Self { samples: Samples::new(rounds, servers), network }
    }

    pub(crate) fn add(&mut self, round: u32, server: ServerName, sockets: usize, reading: Reading) {
        self.samples.add(round, server, (reading.case, sockets), reading);
    }

    pub(crate) fn failed(&mut self, server: ServerName, why: String) {
        self.samples.failed(server, why);
    }

    /// Whether the floor and Sockeye lost, doubled or reordered nothing; the others' faults are
    /// only reported.
    pub fn is_sound(&self) -> bool {
        let ours = |server| matches!(server, ServerName::Floor | ServerName::Sockeye);
        let samples = self.samples.all().iter();
        samples.filter(|it| ours(it.who)).all(|it| it.value.faults.none())
            && !self.samples.failed_ones().any(ours)
    }

    /// The figures, case by case, the servers in order.
    pub fn figures(&self) -> Vec<Figure> {
        let mut figures = Vec::new();
        for (case, sockets) in self.samples.cases() {
            for &server in self.samples.who() {
                figures.extend(self.figure(case, sockets, server));
            }
        }
        figures
    }

    /// One JSON object per figure and line.
    pub fn json_lines(&self) -> String {
        json_lines(self.figures())
    }

    /// A Markdown table with a line about each fault and each missed target.
    pub fn markdown(&self) -> String {
        let mut table = self.samples.table(ServerName::title, &["Sockeye at most"]);
        for (case, sockets) in self.samples.cases() {
            let title = case.title(sockets);
            let mut cells = Vec::new();
            for &server in self.samples.who() {
                let Some(figure) = self.figure(case, sockets, server) else {
                    cells.push(NONE.to_owned());
                    continue;
                };
                cells.push(cell(&figure));
                if !figure.faults.none() {
                    table.remark(format!(
                        "{}, {title}: {} (of {})",
                        server.title(),
                        figure.faults,
                        thousands(figure.arrived)
                    ));
                }
                if server == ServerName::Sockeye
                    && case.bound().is_missed(Some(figure.median), figure.ratio())
                {
                    table.remark(format!("target missed, {title}: {}", cell(&figure)));
                }
            }
            let npm = if case.compared_with() == ServerName::Node { " npm" } else { "" };
            cells.push(format!("{}{npm}", case.bound()));
            table.row(&title, &cells);
        }
        let note = format!(
            "in brackets the median of the ratios to the floor (or to npm) in the same round. CPU is the \
             server's, all threads, user and system; {}.",
            self.network
        );
        self.samples.finish(table, &note, Some("nothing lost, doubled or out of order"))
    }

    fn figure(&self, case: Case, sockets: usize, server: ServerName) -> Option<Figure> {
        let of = |server| self.samples.of((case, sockets), server);
        let ratios = |other| {
            let ratio = |ours: &Sample<_, _, Reading>| {
                let other = of(other).find(|it| it.round == ours.round)?;
                Some(ours.value.value / other.value.value)
            };
            median(&of(server).filter_map(ratio).collect::<Vec<_>>())
        };
        let values: Vec<_> = of(server).map(|it| it.value.value).collect();
        let mut faults = Faults::default();
        of(server).for_each(|it| faults += it.value.faults);
        Some(Figure {
            case,
            sockets,
            server,
            unit: case.unit(),
            median: median(&values)?,
            times_floor: ratios(ServerName::Floor),
            times_node: ratios(ServerName::Node),
            values,
            arrived: of(server).map(|it| it.value.arrived).sum(),
            faults,
        })
    }
}

impl Figure {
    /// Median of the ratios to what the case is compared with.
    fn ratio(&self) -> Option<f64> {
        match self.case.compared_with() {
            ServerName::Node => self.times_node,
            _ => self.times_floor,
        }
    }
}

fn cell(figure: &Figure) -> String {
    // A ratio to the floor's few bytes would say nothing.
    if let Bound::Bytes(_) = figure.case.bound() {
        return format!("{:.0}", figure.median);
    }
    match figure.ratio() {
        Some(times) if figure.server != figure.case.compared_with() => {
            format!("{:.2} ({times:.2} x)", figure.median)
        }
        _ => format!("{:.2}", figure.median),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACK: Case = Case::Ack { bytes: 64, in_flight: 8, each: 10 };

    fn report(values: &[(u32, ServerName, f64)]) -> Report {
        let mut report = Report::new(3, vec![ServerName::Floor, ServerName::Sockeye], "loopback");
        for &(round, server, value) in values {
            let reading = Reading { case: ACK, value, arrived: 10, faults: Faults::default() };
            report.add(round, server, 100, reading);
        }
        report
    }

    #[test]
    fn the_ratio_is_the_median_of_the_rounds_ratios() {
        use ServerName::{Floor, Sockeye};
        let report = report(&[
            (0, Floor, 1.0),
            (0, Sockeye, 2.0),
            (1, Floor, 10.0), // a slow moment, for both
            (1, Sockeye, 15.0),
            (2, Sockeye, 3.0),
            (2, Floor, 2.0),
        ]);
        let figure = report.figure(ACK, 100, Sockeye).unwrap();
        assert_eq!((figure.median, figure.times_floor), (3.0, Some(1.5)));
        assert!(report.is_sound());
    }

    #[test]
    fn faults_and_missed_targets_are_named() {
        use ServerName::{Floor, Sockeye};
        let mut report = report(&[(0, Floor, 1.0)]);
        let faults = Faults { lost: 7, ..Faults::default() };
        report.add(0, Sockeye, 100, Reading { case: ACK, value: 2.0, arrived: 10, faults });
        let text = report.markdown();
        assert!(!report.is_sound());
        assert!(text.contains("7 lost"), "{text}");
        assert!(text.contains("target missed"), "{text}");
        assert!(text.contains("| 2.00 (2.00 x) |"), "{text}");
    }

    #[test]
    fn polling_is_compared_with_npm() {
        use ServerName::{Node, Oxide, Sockeye};
        let case = Case::Poll { bytes: 64, each: 10 };
        for (value, missed) in [(50.0, false), (51.0, true)] {
            let mut report = Report::new(1, vec![Sockeye, Node, Oxide], "loopback");
            for (server, value) in [(Sockeye, value), (Node, 100.0), (Oxide, 70.0)] {
                let reading = Reading { case, value, arrived: 10, faults: Faults::default() };
                report.add(0, server, 100, reading);
            }
            let text = report.markdown();
            assert_eq!(text.contains("target missed"), missed, "{text}");
            assert!(text.contains("x) | 100.00 | 70.00 (0.70 x) | 0.50 x npm |"), "{text}");
        }
    }

    #[test]
    fn json_has_one_object_per_figure() {
        use ServerName::{Floor, Sockeye};
        let lines = report(&[(0, Floor, 1.0), (0, Sockeye, 2.0)]).json_lines();
        let figures: Vec<serde_json::Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(figures.len(), 2);
        assert_eq!(figures[1]["server"], "sockeye");
        assert_eq!(figures[1]["case"]["kind"], "ack");
        assert_eq!(figures[1]["times_floor"], 2.0);
    }
}
