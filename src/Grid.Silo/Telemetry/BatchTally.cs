using System.Diagnostics;
using System.Runtime.CompilerServices;
using Grid.Formats.Operations;

namespace Grid.Silo.Telemetry;

/// <summary>What one batch has done, until its reply leaves: groups of operations of one keyspace, kind and outcome.</summary>
/// <remarks>Lives in the batch's token, so that it costs no object of its own. One thread at a time.</remarks>
internal struct BatchTally
{
    private const int GroupsInline = 3;

    private readonly long _began;
    private Inline _first;
    private List<Group>? _more;
    private int _count;

    public BatchTally() => _began = Stopwatch.GetTimestamp();

    /// <summary>Operations of one kind on one keyspace that ended alike.</summary>
    public readonly record struct Group(OperationTally Tally, OperationKind Kind, OperationStatus Status, int Count);

    /// <summary>Time since the batch came.</summary>
    public readonly TimeSpan Elapsed => Stopwatch.GetElapsedTime(_began);

    /// <summary>Groups in it.</summary>
    public readonly int Count => _count;

    /// <summary>The group at a place.</summary>
    public readonly Group this[int place] => place < GroupsInline ? _first[place] : _more![place - GroupsInline];

    /// <summary>Notes operations that were executed.</summary>
    public void Add(in Group group)
    {
        for (int i = 0; i < Math.Min(_count, GroupsInline); i++)
        {
            Group there = _first[i];
            if (there.Tally != group.Tally || there.Kind != group.Kind || there.Status != group.Status)
                continue;
            _first[i] = there with { Count = there.Count + group.Count };
            return;
        }

        if (_count < GroupsInline)
            _first[_count] = group;
        else
            (_more ??= []).Add(group);
        _count++;
    }

    [InlineArray(GroupsInline)]
    private struct Inline
    {
        private Group _group;
    }
}
