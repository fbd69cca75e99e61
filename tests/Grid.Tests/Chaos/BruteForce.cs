using Grid.Formats.Operations;
using Grid.Server.Chaos.Histories;

namespace Grid.Tests.Chaos;

/// <summary>
/// Tries every order, every choice of the operations of unknown outcome, and every version that a write may have got: right by being
/// stupid. For small histories without expiries.
/// </summary>
internal sealed class BruteForce
{
    private readonly HistoryOperation[] _operations;
    private readonly ulong[] _versions;

    private BruteForce(History history)
    {
        _operations = [.. history.Operations.Where(operation => operation.Outcome != HistoryOutcome.Refused)];
        _versions = [.. _operations.SelectMany(operation => (ulong[])[operation.Version, operation.IfVersion]).Where(version => version != 0).Distinct()];
    }

    public static bool IsLinearizable(History history)
    {
        BruteForce force = new(history);
        return force.Try([.. Enumerable.Range(0, force._operations.Length)], new Entry(null, 0, 0));
    }

    private bool Try(List<int> left, Entry entry)
    {
        if (left.TrueForAll(i => !_operations[i].IsSure))
            return true;
        long firstReturn = left.Min(i => _operations[i].IsSure ? _operations[i].ReturnUs!.Value : long.MaxValue);
        foreach (int i in left.Where(i => _operations[i].CallUs <= firstReturn))
        {
            List<int> rest = [.. left.Where(other => other != i)];
            foreach (Entry next in Outcomes(_operations[i], entry))
            {
                if (Try(rest, next))
                    return true;
            }
        }

        return false;
    }

    /// <summary>What the key may be after an operation that was answered as it was.</summary>
    private IEnumerable<Entry> Outcomes(HistoryOperation operation, Entry entry)
    {
        bool holds = operation.Condition switch
        {
            WriteCondition.None => true,
            WriteCondition.IfAbsent => entry.Value is null,
            WriteCondition.IfPresent => entry.Value is not null,
            _ => entry.Value is not null && entry.Version == operation.IfVersion,
        };
        bool exists = entry.Value is not null;
        bool knows = operation.Outcome != HistoryOutcome.Unknown;
        string? made = null;
        HistoryOutcome outcome = HistoryOutcome.Done;
        switch (operation.Action)
        {
            case HistoryAction.Get or HistoryAction.Exists:
                outcome = exists ? HistoryOutcome.Done : HistoryOutcome.Absent;
                return (!knows || (operation.Outcome == outcome && Shows(operation, entry))) ? [entry] : [];
            case HistoryAction.Set:
                made = operation.Value;
                outcome = holds ? HistoryOutcome.Done : HistoryOutcome.Failed;
                break;
            case HistoryAction.Delete:
                outcome = holds && exists ? HistoryOutcome.Done : exists || operation.Outcome == HistoryOutcome.Failed && operation.Condition == WriteCondition.IfVersion ? HistoryOutcome.Failed : HistoryOutcome.Absent;
                break;
            case HistoryAction.Expire:
                made = entry.Value;
                outcome = exists ? HistoryOutcome.Done : HistoryOutcome.Absent;
                break;
            case HistoryAction.Increment:
                if (exists && !long.TryParse(entry.Value, out _))
                {
                    outcome = HistoryOutcome.NotANumber;
                    break;
                }

                long number = (exists ? long.Parse(entry.Value!) : 0) + operation.Delta;
                made = $"{number}";
                if (operation.Number is { } shown && shown != number)
                    return [];
                break;
        }

        if (knows && outcome != operation.Outcome)
            return [];
        if (outcome != HistoryOutcome.Done)
            return !knows || Shows(operation, entry) ? [entry] : [];
        return made is null ? [entry with { Value = null, Version = 0 }] : Versions(operation, entry).Select(version => version);

        IEnumerable<Entry> Versions(HistoryOperation writes, Entry old)
        {
            if (writes.Version != 0)
            {
                if (writes.Version > old.Newest)
                    yield return new Entry(made, writes.Version, writes.Version);
                yield break;
            }

            // One that nobody was ever shown, or one of those that somebody was.
            yield return new Entry(made, 0, old.Newest);
            foreach (ulong version in _versions.Where(version => version > old.Newest))
                yield return new Entry(made, version, version);
        }
    }

    private static bool Shows(HistoryOperation operation, Entry entry) => entry.Value is null
        ? operation.Found is null && operation.Version == 0
        : (operation.Found is null || operation.Found == entry.Value) && (operation.Version == 0 || operation.Version == entry.Version);

    private sealed record Entry(string? Value, ulong Version, ulong Newest);
}
