using Grid.Replication.Log;
using Grid.Replication.Time;

namespace Grid.Replication.Primary;

/// <content>What the log keeps, for whom, and what happens at the bounds.</content>
public sealed partial class ShardPrimary
{
    private readonly Dictionary<string, long> _pinBudgets = [];
    private readonly HashSet<string> _laggards = [];
    private readonly BacklogAge _backlogAge = new();

    /// <summary>
    /// The log keeps the backlog, what required members have not acknowledged, and what links have not been sent that
    /// are synced or online.
    /// </summary>
    private void TrimLog() => _copy.Log.DropBefore(OldestNeeded(), _options.BacklogBytesMax);

    /// <summary>Beyond its age the backlog goes even where there is room for it.</summary>
    private void TrimLogByAge(Instant now)
    {
        TrimLog();
        long tooOld = _backlogAge.Note(now.MonotonicMs, LogEnd, _options.BacklogMsMax);
        if (tooOld >= _copy.Log.FirstOffset)
            _copy.Log.DropBefore(Math.Min(OldestNeeded(), tooOld + 1), bytesKept: 0);
    }

    private long OldestNeeded()
    {
        long needed = Plants(PlantedBug.DropsUnacknowledged) ? LogEnd + 1 : _committed + 1;
        foreach (PrimaryLink link in _links)
        {
            if (link.Pins && !Plants(PlantedBug.UnpinsLinks))
                needed = Math.Min(needed, link.NextOffset);
        }

        return needed;
    }

    /// <summary>
    /// Makes room for a write: first laggards' links are ended, then a snapshot is given up, and only then the write
    /// is refused. A single mutation always finds room in an empty log.
    /// </summary>
    private bool HasRoom(Instant now)
    {
        bool crowded = _copy.Log.Bytes > _options.BacklogBytesMax + Math.Min(_options.UncommittedBytesMax, _options.SyncPinBytes);
        if ((crowded || IsFull()) && !Plants(PlantedBug.RefusesBeforeLaggards))
        {
            TrimLog();
            EndLinksThatPinTooMuch(now);
            GiveUpSnapshotThatKeepsTooMuch(now);
        }

        return !IsFull() || Plants(PlantedBug.NeverRefusesWrites);
    }

    private bool IsFull() =>
        _copy.Log.Bytes > _options.UncommittedBytesMax && _copy.Log.BytesFrom(_committed + 1) > _options.UncommittedBytesMax;

    /// <summary>
    /// A link outside of the required set holds back what it was not sent yet, within a budget of its own: the next
    /// attempt of that silo has twice as much, so that a replica that is merely slow gets through at last.
    /// </summary>
    private void EndLinksThatPinTooMuch(Instant now)
    {
        List<(PrimaryLink Link, long Pinned, long Budget)>? over = null;
        foreach (PrimaryLink link in _links)
        {
            if (!link.Pins || IsRequired(link.Copy))
                continue;
            long budget = PinBudgetOf(link.Silo);
            long pinned = _copy.Log.BytesFrom(link.NextOffset);
            if (pinned > budget && !Plants(PlantedBug.PinsWithoutBound))
                (over ??= []).Add((link, pinned, budget));
        }

        foreach ((PrimaryLink link, long pinned, long budget) in over ?? [])
            EndOverrunLink(link, pinned, budget, now);
        if (over is not null)
            TrimLog();
    }

    private void EndOverrunLink(PrimaryLink link, long pinned, long budget, Instant now)
    {
        long next = Plants(PlantedBug.NeverDoublesBudget) ? budget : Math.Min(2 * budget, Math.Max(budget, _options.SyncPinBytesMax));
        _pinBudgets[link.Silo] = next;
        if (next == budget && _laggards.Add(link.Silo))
            _output.Report(PrimaryEvent.CannotKeepUp, link.Silo, $"it pins {pinned} bytes of log with the largest budget, {budget}: the writes come faster than it takes them");
        else
            _output.Report(PrimaryEvent.PinOverrun, link.Silo, $"it pins {pinned} bytes of log, more than {budget}; its next attempt may pin {next}");
        EndLink(link, LinkEndReason.Overrun, $"it is at {link.NextOffset} of {LogEnd} and pins more log than may be held", now);
    }

    private long PinBudgetOf(string silo) => _pinBudgets.GetValueOrDefault(silo, _options.SyncPinBytes);

    /// <summary>A replica that came into the in-sync set has kept up; one whose silo is gone is nobody.</summary>
    private void ForgetBudget(string silo)
    {
        _pinBudgets.Remove(silo);
        _laggards.Remove(silo);
    }
}
