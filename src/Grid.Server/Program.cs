using Grid.Server;

return await GridCommand.RunAsync(args);
